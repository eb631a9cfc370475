"""The active genre model: promote a model, and undo a promotion."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from catalog.embeddings import extractors
from catalog.embeddings.embedding import not_embedded
from catalog.models import GenreModel, Movie, Poster, Run, Suggestion
from catalog.runs import lifecycle
from ml.genres.evidence.model import EvidenceModel
from ml.genres.evidence.model_file import load_model
from ml.genres.head_file import ModelFileError, manifest_path
from ml.genres.thresholds import NEVER

from . import model_files, suggestions

State = GenreModel.State


class CannotPromote(ValueError):
    """A genre model cannot be promoted, or its promotion cannot be undone; the message says why."""


def active_model() -> GenreModel | None:
    """The genre model that suggests genres, or None."""
    return GenreModel.objects.filter(state=State.ACTIVE).first()


def promote(model: GenreModel, *, by: AbstractBaseUser | None = None, queue: bool = True) -> Run | None:
    """Make the model the active one, retire the one before, and start a run that suggests genres again.

    With `queue=False` the run waits for the next sweep. Returns the run; None if there is nothing to do.
    Raises CannotPromote if the model's file is missing, modified or of another version, and if the model
    reads nothing that it may use.
    """
    try:
        model_files.load(model)
    except ModelFileError as error:
        raise CannotPromote(f"{model} cannot be used: {error}") from error
    if not model.parts_used:
        raise CannotPromote(
            f"{model} reads {' and '.join(model.parts)}, and POSTERSITE_GENRE_EVIDENCE allows only "
            f"{settings.GENRE_EVIDENCE}: change the setting, or train a model with it."
        )
    with transaction.atomic():
        lock_models()
        GenreModel.objects.filter(state=State.ACTIVE).exclude(pk=model.pk).update(state=State.RETIRED)
        promoted = (
            GenreModel.objects.filter(pk=model.pk)
            .exclude(state=State.ACTIVE)
            .update(state=State.ACTIVE, promoted_at=timezone.now())
        )
        model.refresh_from_db()
        return _start_after_promotion(model, by=by, queue=queue) if promoted else None


def undo_promotion(model: GenreModel, *, by: AbstractBaseUser | None = None) -> GenreModel | None:
    """Make the active model a candidate again and promote the model before it, which is returned, if any.

    Raises CannotPromote if `model` is not active, or if the file of the model before it is damaged.
    """
    with transaction.atomic():
        lock_models()
        if not GenreModel.objects.filter(pk=model.pk, state=State.ACTIVE).update(state=State.CANDIDATE):
            raise CannotPromote(f"{model} is not active, so there is no promotion to undo.")
        previous = previous_model()
        if previous is not None:
            promote(previous, by=by)
    model.refresh_from_db()
    return previous


def previous_model() -> GenreModel | None:
    """The model that was active before the active one, to which undoing the promotion returns."""
    before = GenreModel.objects.filter(state=State.RETIRED, promoted_at__isnull=False)
    return before.order_by("-promoted_at").first()


def newest_candidate(active: GenreModel) -> GenreModel | None:
    """The newest candidate that is newer than the active model."""
    return GenreModel.objects.filter(state=State.CANDIDATE, version__gt=active.version).first()


def set_aside(model: GenreModel) -> None:
    """Retire a candidate that shall not be promoted. Raises CannotPromote if it is not a candidate."""
    rows = GenreModel.objects.filter(pk=model.pk, state=State.CANDIDATE)
    if not rows.update(state=State.RETIRED):
        raise CannotPromote(f"{model} is not a candidate.")
    model.refresh_from_db()


def file_problem(model: GenreModel) -> str:
    """Why the model's file cannot be used: it is missing, modified or of another version; "" if it can."""
    try:
        path = model_files.fetch(model)
    except ModelFileError as error:
        return str(error)
    return _file_problem(path, model.weights_sha256, _state_of(path), _state_of(manifest_path(path)))


@lru_cache(maxsize=64)
def _file_problem(path: Path, sha256: str, *states: tuple[int, int] | None) -> str:
    """states: of the weights and the manifest, so that a changed file is read again."""
    try:
        load_model(path, sha256)
    except ModelFileError as error:
        return str(error)
    return ""


def _state_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def lock_models() -> None:
    """Lock all models until the transaction ends: only one process promotes or numbers a model at a time."""
    list(GenreModel.objects.select_for_update().order_by("pk").values_list("pk"))


def next_version() -> int:
    """The version of the next model. Call it after `lock_models`."""
    return 1 + (GenreModel.objects.aggregate(latest=Max("version"))["latest"] or 0)


def columns_of(model: EvidenceModel) -> dict[str, Any]:
    """What a model's file says of it, by column of GenreModel; thresholds are for movies with all parts."""
    points = model.combinations[model.parts].thresholds

    def rounded(cuts: npt.NDArray[np.float32]) -> list[float]:
        # Six digits, because 0.3 as float32 is 0.30000001192092896.
        return [round(float(cut), 6) for cut in cuts]

    return {
        "recipe": model.recipe,
        "parts": list(model.parts),
        "genres": list(model.genres),
        "thresholds": rounded(points.suggest),
        "sure_thresholds": [] if (points.sure >= NEVER).all() else rounded(points.sure),
        "tick_thresholds": rounded(points.tick),
        "no_evidence": list(model.no_evidence),
    }


def _start_after_promotion(
    model: GenreModel, *, by: AbstractBaseUser | None = None, queue: bool = True
) -> Run | None:
    """Start a run in which a promoted model makes suggestions and replaces pending ones of other models.

    Posters that its extractor has not embedded are embedded and labelled afterwards. Live label runs over the
    whole catalogue are cancelled: the new run includes their movies, and their followers follow it. An audit
    follows if there was one before. If the training run of the model is live, the new run becomes its
    follower. Call it in the transaction of the promotion. Returns the run; None if there is nothing to do.
    """
    after: list[str] = []
    for live in lifecycle.live_runs().filter(kind="label", chosen=False):
        followers = live.followed_by
        try:
            lifecycle.cancel(live)
        except lifecycle.RunError:
            continue  # it has just ended
        Run.objects.filter(pk=live.pk).update(message=f"Cancelled: {model} was promoted.")
        after += followers
    kinds = []
    if suggestions.scorable(suggestions.candidates(model), model).exists():
        kinds = ["label"]
    posters = Poster.objects.filter(is_primary=True)
    if (
        extractors.is_available(model.extractor)
        and not_embedded(posters, [model.extractor.fingerprint]).exists()
    ):
        # Last, because a failed run has no followers, and a single damaged poster fails an embedding run.
        kinds += ["embed", "label"]
    training = model.run if model.run is not None and model.run.is_live else None
    if training is not None and kinds:
        # The training's followers come after this run, except another label run.
        kinds += [kind for kind in training.followed_by if kind != "label"]
        by = by or training.asked_by
    if Run.objects.filter(kind="audit", chosen=False).exists():
        # Whoever has audited the catalogue once has a list that the new model brings up to date.
        kinds.append("audit")
    kinds += [kind for kind in dict.fromkeys(after) if kind not in (*kinds, "embed", "label")]
    if not kinds:
        return None
    first, *rest = kinds[: 1 + lifecycle.MAX_FOLLOWERS]
    previous = training if first in ("embed", "label") else None
    return lifecycle.start(first, asked_by=by, followed_by=rest, previous=previous, queue=queue)


def replace_suggestions_of_other_models(
    movies: QuerySet[Movie], *, by: AbstractBaseUser | None = None
) -> Run | None:
    """Start a label run for those of `movies` that have pending suggestions of a model that is not active.

    Returns the run; None if there is nothing to do.
    """
    model = active_model()
    if model is None:
        return None
    pending = Suggestion.objects.filter(movie__in=movies, state=Suggestion.State.PENDING)
    due = suggestions.scorable(movies.filter(pk__in=pending.exclude(model=model).values("movie")), model)
    return lifecycle.start("label", movies=due, asked_by=by) if due.exists() else None
