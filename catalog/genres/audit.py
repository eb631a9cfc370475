"""Find tagged movies whose genres the evidence contradicts, and keep or change their genres."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from catalog import shared_files
from catalog.models import AuditFinding, GenreModel, Movie, MovieGenre, ReviewDecision, RunItem
from catalog.runs import leases
from ml.genres.audit import OutOfFoldError, OutOfFoldScores, strengths
from ml.genres.evidence.model import EvidenceModel
from ml.genres.head_file import ModelFileError

from . import decision_batches, promotion, review, suggestions
from .evidence import Evidence
from .names import genre_rows

# The logit of 90%: a movie is listed if the model gives one of its genres at most 10%, or a genre that it
# lacks at least 98.8%, because absent genres count half (`ml.genres.audit`).
LEAST_STRENGTH = 2.2
State = AuditFinding.State
Scores = npt.NDArray[np.float32]


class NotWaiting(ValueError):
    """A finding was decided meanwhile, or no longer applies."""


def audit_items(items: Sequence[RunItem]) -> None:
    """Compare the genres of each item's movie with the active model's scores, and finish or fail the item."""
    movies = [item.movie for item in items if item.movie is not None]
    model = promotion.active_model()
    error, found = "No genre model is active: promote one in the admin.", None
    if model is not None:
        try:
            found = audit(movies, model, suggestions.load(model))
        except ModelFileError as problem:
            error = f"The genre model cannot be used: {problem}"
    if found is None:
        leases.finish_all(items, errors={item.pk: error for item in items})
        return
    rest = leases.skip_merged([item for item in items if item.movie_id not in found])
    leases.finish_all(
        [*rest, *(item for item in items if item.movie_id in found)],
        notes={item.pk: "contradicted" for item in items if found.get(item.movie_id or 0)},
        errors={item.pk: f"{item.movie} cannot be scored: embed its poster first." for item in rest},
    )


def tagged(model: GenreModel, movies: QuerySet[Movie] | None = None) -> QuerySet[Movie]:
    """Those of `movies` (all by default) that have genres and that the model can score now."""
    chosen = Movie.objects.all() if movies is None else movies
    has_genres = Exists(MovieGenre.objects.filter(movie=OuterRef("pk")))
    return suggestions.scorable(chosen.filter(has_genres), model)


def audit(movies: Sequence[Movie], row: GenreModel, model: EvidenceModel) -> dict[int, bool]:
    """Store a finding for each of these movies whose genres the evidence contradicts.

    Movies that the model was trained on get the scores of models that did not see them, if the training
    stored these; others are scored now. Genres that a reviewer has decided about are not questioned, and
    neither are those of a movie that was kept, until its evidence or genres change. Returns whether the
    movie is contradicted, by id; movies that cannot be scored are left out.
    """
    known, films = suggestions.films_of_movies(movies, row)
    if not known:
        return {}
    scores, place = model.score(films).scores.copy(), {pk: index for index, pk in enumerate(known)}
    stored = _out_of_fold(row, known)
    for pk, values in stored.items():
        scores[place[pk]] = values
    genres = [genre.pk for genre in genre_rows(model.genres)]
    with transaction.atomic():
        locked = Movie.objects.select_for_update().filter(pk__in=known).order_by("pk")
        held = _held_genres(list(locked.values_list("pk", flat=True)))
        decided = _decided(held)
        before = {each.movie_id: each for each in AuditFinding.objects.filter(movie__in=held)}
        found, gone = [], []
        for pk, has in held.items():
            earlier, digest = before.get(pk), _digest(known[pk], row, has)
            if earlier and earlier.state == State.KEPT and earlier.digest == digest:
                continue
            finding = _finding(scores[place[pk]], genres, has, decided.get(pk, set()))
            if finding is not None:
                finding.movie_id, finding.model, finding.out_of_fold = pk, row, pk in stored
                finding.digest = digest
                found.append(finding)
            elif earlier:
                gone.append(earlier.pk)
        AuditFinding.objects.filter(pk__in=gone).delete()
        AuditFinding.objects.bulk_create(
            found,
            update_conflicts=True,
            unique_fields=["movie"],
            update_fields=[
                *("model", "wrong", "wrong_score", "missing", "missing_score", "strength", "out_of_fold"),
                *("digest", "state", "reviewer", "decided_at"),
            ],
        )
    contradicted = {each.movie_id for each in found}
    return {pk: pk in contradicted for pk in held}


@dataclass(frozen=True)
class Change:
    """What a reviewer decides about a finding: the genres to add and to remove, by id. Neither: keep."""

    add: Collection[int] = ()
    remove: Collection[int] = ()


def choices(finding: AuditFinding) -> dict[str, Change]:
    """What can be done: "keep", and where it applies "replace", "add" and "remove"."""
    wrong = [finding.wrong_id] if finding.wrong_id else []
    missing = [finding.missing_id] if finding.missing_id else []
    possible = {"keep": Change()}
    if wrong and missing:
        possible["replace"] = Change(missing, wrong)
    if missing:
        possible["add"] = Change(add=missing)
    if wrong:
        possible["remove"] = Change(remove=wrong)
    return possible


def decide(finding: AuditFinding, choice: str, reviewer: AbstractBaseUser) -> None:
    """Keep or change the movie's genres. Raises NotWaiting, and KeyError for a choice that does not apply."""
    with transaction.atomic():
        Movie.objects.select_for_update().filter(pk=finding.movie_id).first()
        current = AuditFinding.objects.waiting().filter(pk=finding.pk, digest=finding.digest).first()
        if current is None:
            raise NotWaiting(f"{finding.movie} was decided meanwhile.")
        change, now = choices(current)[choice], timezone.now()
        state = State.KEPT
        if choice != "keep":
            decisions = review.decide_movie(current.movie, reviewer, add=change.add, remove=change.remove)
            state, now = State.CHANGED, decisions[0].created_at
        AuditFinding.objects.filter(pk=current.pk).update(
            state=state, reviewer_id=reviewer.pk, decided_at=now
        )


def undo_last(reviewer: AbstractBaseUser) -> AuditFinding | None:
    """Undo what the reviewer decided last in the audit, and list the movie again. None if there is nothing.

    Genres that were changed by others since stay as they are.
    """
    with transaction.atomic():
        mine = AuditFinding.objects.filter(reviewer_id=reviewer.pk).exclude(state=State.OPEN)
        last = mine.select_related("movie").order_by("-decided_at", "-pk").first()
        if last is None or last.decided_at is None:
            return None
        decision_batches.undo(
            ReviewDecision.objects.filter(
                movie=last.movie_id, reviewer_id=reviewer.pk, created_at=last.decided_at, reverses=None
            ),
            reviewer,
        )
        AuditFinding.objects.filter(pk=last.pk).update(state=State.OPEN, reviewer=None, decided_at=None)
    return last


def store_out_of_fold(scores: OutOfFoldScores, movie_ids: npt.NDArray[np.int64], sha256: str) -> None:
    """Store a training's out-of-fold scores beside its model's weights. movie_ids: those of the training
    set's rows."""
    OutOfFoldScores(movie_ids[scores.rows], scores.scores).save(_path(sha256))
    shared_files.publish(_path(sha256))


def _path(sha256: str) -> Path:
    return Path(settings.MODELS_DIR) / f"{sha256}.out_of_fold.npz"


def _out_of_fold(row: GenreModel, movie_ids: Collection[int]) -> dict[int, Scores]:
    """Stored scores by movie id. A film whose poster changed since the training has the earlier ones."""
    try:
        stored = OutOfFoldScores.read(shared_files.fetched(_path(row.weights_sha256)))
    except (OutOfFoldError, FileNotFoundError):
        return {}  # an earlier version, another recipe, or the bundled model
    if stored.scores.shape[1:] != (len(row.genres),):
        return {}
    return {
        pk: scores for pk, scores in zip(stored.rows.tolist(), stored.scores, strict=True) if pk in movie_ids
    }


def _held_genres(movie_ids: list[int]) -> dict[int, set[int]]:
    held: dict[int, set[int]] = {pk: set() for pk in movie_ids}
    for pk, genre in MovieGenre.objects.filter(movie__in=movie_ids).order_by().values_list("movie", "genre"):
        held[pk].add(genre)
    return {pk: genres for pk, genres in held.items() if genres}


def _decided(movie_ids: Collection[int]) -> dict[int, set[int]]:
    """The genres that reviewers have decided about, but not in a batch, by movie."""
    found: dict[int, set[int]] = {}
    standing = ReviewDecision.objects.standing().filter(movie__in=movie_ids, batch=None)
    for pk, genre in standing.order_by().values_list("movie", "genre"):
        found.setdefault(pk, set()).add(genre)
    return found


def _finding(scores: Scores, genres: list[int], held: set[int], decided: set[int]) -> AuditFinding | None:
    """The most contradicted genre among those that the movie has, and among those that it lacks."""
    has = np.array([genre in held for genre in genres])
    values = strengths(has[None], scores[None])[0]
    values[[genre in decided for genre in genres]] = 0
    if not (values >= LEAST_STRENGTH).any():
        return None
    finding = AuditFinding(strength=float(values.max()))
    wrong, missing = (np.where(of, values, 0) for of in (has, ~has))
    if wrong.max() > 0:
        column = int(wrong.argmax())
        finding.wrong_id, finding.wrong_score = genres[column], float(scores[column])
    if missing.max() > 0:
        column = int(missing.argmax())
        finding.missing_id, finding.missing_score = genres[column], float(scores[column])
    return finding


def _digest(evidence: Evidence, row: GenreModel, genres: set[int]) -> str:
    known = f"{evidence.digest(row.parts_used)} {sorted(genres)}"
    return hashlib.sha256(known.encode()).hexdigest()
