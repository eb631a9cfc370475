"""Decide what undoing an import does to each movie. Reads only, so that the preview and the undo agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType

from catalog.duplicates.merging import label_of
from catalog.models import (
    DuplicateDecision,
    DuplicateGroup,
    DuplicateMember,
    Genre,
    ImportChange,
    Movie,
    MovieGenre,
    Poster,
    ReviewDecision,
    Run,
    SourceLookup,
)

from ._planning import ABSENT, FACTS
from ._store import FOLDER

UPLOAD = "upload"
# What poster sources fill in where it is empty.
FILLED_BY_SOURCES = ("overview", "franchise", "tmdb_id")
ORIGINS = dict(MovieGenre.Origin.choices)


@dataclass
class MoviePlan:
    """What an undo does to one movie: delete it, or restore its facts, genres and posters.

    facts: values by field. genres: the former origin by the genre's id, None if the movie lacked it. posters:
    those to remove. kept: the reasons for what is left as it is.
    """

    change: ImportChange
    movie: Movie
    delete: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    genres: dict[int, str | None] = field(default_factory=dict)
    posters: list[Poster] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    @property
    def restores(self) -> bool:
        return bool(self.facts or self.genres or self.posters) and not self.delete

    @property
    def why(self) -> str:
        return "; ".join(self.kept)


def plan_undo(run: Run, changes: Sequence[ImportChange], *, lock: bool = False) -> Iterator[MoviePlan]:
    """Plan to undo these changes of the import `run`; `lock` needs a transaction."""
    now = _CurrentState(run, [change.movie_id for change in changes], lock=lock)
    for change in changes:
        if movie := now.movies.get(change.movie_id):
            yield _plan(change, movie, now)


class _CurrentState:
    """The movies as they are now, and the changes and decisions since the import."""

    def __init__(self, run: Run, pks: list[int], *, lock: bool) -> None:
        rows = Movie.everything.filter(pk__in=pks).order_by("pk")
        self.movies = {movie.pk: movie for movie in (rows.select_for_update() if lock else rows)}
        self.genres: dict[int, dict[int, str]] = defaultdict(dict)
        for movie, genre, origin in (
            MovieGenre.objects.filter(movie__in=pks).order_by().values_list("movie", "genre", "origin")
        ):
            self.genres[movie][genre] = origin
        self.names = dict(Genre.objects.values_list("pk", "name"))
        self.posters: dict[int, list[Poster]] = defaultdict(list)
        for poster in Poster.objects.filter(movie__in=pks):
            self.posters[poster.movie_id].append(poster)
        self.later: dict[int, tuple[int, set[str]]] = {}
        for change in ImportChange.objects.filter(run__gt=run, undone_at=None, movie__in=pks).order_by(
            "run_id"
        ):
            self.later[change.movie_id] = change.run_id, {*change.facts, *change.genres}
        self.decisions = _decisions(pks)
        self.completed = _completed_by_sources(pks)


def _completed_by_sources(pks: Collection[int]) -> set[int]:
    """Movies that a poster source was asked about and that no person has edited: where they have more facts
    than before, those are the source's."""
    looked_up = {*SourceLookup.objects.filter(movie__in=pks).order_by().values_list("movie", flat=True)}
    edited = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Movie),
        action_flag=CHANGE,
        object_id__in=[str(pk) for pk in looked_up],
    )
    return looked_up - {int(pk or 0) for pk in edited.order_by().values_list("object_id", flat=True)}


def _decisions(pks: Collection[int]) -> dict[int, list[str]]:
    """Human decisions and merges, as sentences by movie."""
    sentences: dict[int, list[str]] = defaultdict(list)
    decided = ReviewDecision.objects.filter(movie__in=pks).order_by().values_list("movie", flat=True)
    for pk in decided.distinct():
        sentences[pk].append("a person has decided about its genres")
    merged = Movie.everything.filter(merged_into__in=pks).order_by().values_list("merged_into", flat=True)
    for into in merged.distinct():
        sentences[into or 0].append("another movie has been merged into it")
    closed = DuplicateMember.objects.filter(movie__in=pks).exclude(group__state=DuplicateGroup.State.OPEN)
    decided_pks = {*closed.values_list("movie", flat=True)}
    decided_pks |= {*DuplicateDecision.objects.filter(movie__in=pks).values_list("movie", flat=True)}
    for pk in decided_pks - set(merged):
        sentences[pk].append("a person has decided about it as a duplicate")
    return sentences


def _plan(change: ImportChange, movie: Movie, now: _CurrentState) -> MoviePlan:
    plan = MoviePlan(change, movie)
    if movie.merged_into_id is not None:
        plan.kept.append(f"it has been merged into no. {movie.merged_into_id}")
        return plan
    if change.created:
        plan.kept = _reasons_to_keep(change, movie, now)
        plan.delete = not plan.kept
        return plan
    _plan_facts(plan, now)
    _plan_genres(plan, now)
    for poster in now.posters[movie.pk]:
        if poster.sha256 in change.posters and poster.source == FOLDER:
            if poster.locked:
                plan.kept.append("a person has chosen its poster")
            else:
                plan.posters.append(poster)
    return plan


def _reasons_to_keep(change: ImportChange, movie: Movie, now: _CurrentState) -> list[str]:
    """Why a movie that the import created is not deleted. Fetched posters, what their sources filled in, and
    vectors are no reason."""
    why = list(now.decisions.get(movie.pk, ()))
    origins = now.genres[movie.pk]
    if movie.genres_locked or MovieGenre.Origin.MANUAL in origins.values():
        why.append("a person has set its genres")
    elif MovieGenre.Origin.ACCEPTED in origins.values():
        why.append("a person has accepted genres")
    if any(poster.locked or poster.source == UPLOAD for poster in now.posters[movie.pk]):
        why.append("a person has chosen its poster")
    if movie.pk in now.later:
        return [*why, f"import #{now.later[movie.pk][0]} has changed it since"]
    why += [
        f"its {label_of(name)} has been changed since"
        for name in FACTS
        if (written := change.facts.get(name, (None, None))[1]) != _value(movie, name)
        and not (written is None and name in FILLED_BY_SOURCES and movie.pk in now.completed)
    ]
    if not why and origins != {int(key): pair[1] for key, pair in change.genres.items() if pair[1]}:
        why.append("its genres have been changed since")
    return why


def _plan_facts(plan: MoviePlan, now: _CurrentState) -> None:
    for name, (before, written) in plan.change.facts.items():
        value = _value(plan.movie, name)
        if value == written:
            plan.facts[name] = before if before is not None else _blank(name)
        elif value != before:
            plan.kept.append(f"its {label_of(name)} has been changed since{_later_import(plan, name, now)}")


def _plan_genres(plan: MoviePlan, now: _CurrentState) -> None:
    if not plan.change.genres:
        return
    if plan.movie.genres_locked:
        plan.kept.append("a person has set its genres")
        return
    origins = now.genres[plan.movie.pk]
    for key, (before, written) in plan.change.genres.items():
        genre = int(key)
        if genre not in now.names:
            continue
        origin = origins.get(genre)
        if origin == written:
            plan.genres[genre] = before
        elif origin != before:
            became = ORIGINS[origin] if origin else "removed"
            plan.kept.append(f"its genre {now.names[genre]} is {became} now{_later_import(plan, key, now)}")


def _later_import(plan: MoviePlan, changed: str, now: _CurrentState) -> str:
    run, names = now.later.get(plan.movie.pk, (0, set()))
    return f" by import #{run}" if changed in names else ""


def _value(movie: Movie, name: str) -> Any:
    value = getattr(movie, name)
    return None if value in ABSENT else value


def _blank(name: str) -> str | None:
    return None if Movie._meta.get_field(name).null else ""
