"""Refresh posters: ask each source whether what it showed has changed, and take over what has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from catalog.fetching.errors import FetchError
from catalog.models import Movie, Poster, Run, RunItem, SourceLookup
from catalog.posters.sources.registry import POSTER_SOURCES, PosterSource
from catalog.runs import leases, lifecycle

from .fetch import NoPoster, visit
from .scraping import NotNow, described, wait_s

# Where a run's params say that sources are asked however short ago they were.
EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """changed: the movie shows another picture than before. note: what each source said, in words."""

    changed: bool
    note: str


class CannotRefresh(LookupError):
    """Nothing could be asked about the movie's posters; the message says why."""


def refresh_items(items: Sequence[RunItem]) -> None:
    """Refresh the posters of each item's movie, and finish, fail or postpone the item."""
    everything = bool(items[0].run.params.get(EVERYTHING))

    def refresh(item: RunItem, alive: Callable[[], object]) -> None:
        assert item.movie is not None  # noqa: S101  a refresh run has movies for items
        try:
            done = refresh_movie(item.movie, everything=everything, alive=alive)
        except NotNow as error:
            leases.postpone(item, error.seconds, str(error))
        except CannotRefresh as error:
            if leases.skip_merged([item]):
                leases.fail(item, str(error))
        else:
            leases.finish(item, done.note)

    leases.process_each(items, refresh)


def refresh_movie(
    movie: Movie, *, everything: bool = True, alive: Callable[[], object] = lambda: None
) -> Refreshed:
    """Ask the switched-on sources that the movie's posters came from; `everything`: also those asked of late.

    A poster that is gone keeps its last good copy, and one that a person locked stays the one that is shown.
    Raises CannotRefresh when no source could be asked, NotNow when one asks us to wait.
    """
    before = _shown(movie)
    notes: list[str] = []
    failures: list[str] = []
    for source in _sources(movie, timezone.now(), everything=everything):
        held = movie.posters.filter(source=source.name, superseded=False).count()
        try:
            seen = visit(movie, source, wanted=max(held, 1), refresh=True, alive=alive)
        except FetchError as error:
            seconds = wait_s(error)
            if seconds is not None:
                raise NotNow(str(error), seconds) from error
            failures.append(f"{source.name}: {error}.")
        except NoPoster as error:
            notes.append(f"{source.name} has it no more ({error}): the last copy is kept")
        else:
            notes.append("unchanged" if seen.unchanged else f"changed: {described(seen.posters[0])}")
    if failures and not notes:
        raise CannotRefresh(f"{movie}: {' '.join(failures)} What it has is kept.")
    if not notes:
        notes.append("nothing to ask: no source that is switched on has shown its poster")
    return Refreshed(_shown(movie) != before, "; ".join(dict.fromkeys(notes)))


def stale(now: datetime | None = None) -> QuerySet[Movie]:
    """Movies of which a switched-on source showed a poster, and was asked last longer ago than its limit."""
    now = now or timezone.now()
    due = Q(pk__in=[])
    for source in _switched_on():
        due |= _is_due(source, now - _limit(source))
    owed = RunItem.objects.filter(
        movie=OuterRef("pk"),
        run__kind="refresh",
        run__state__in=(Run.State.QUEUED, Run.State.RUNNING),
        state__in=(RunItem.State.PENDING, RunItem.State.RUNNING),
    )
    return Movie.objects.filter(due, ~Exists(owed))


def start_refresh() -> Run | None:
    """Refresh what was not checked for longer than its source's limit; None when that is nothing."""
    if not stale().exists():
        return None
    return lifecycle.start_unless_live("refresh", followed_by=("embed", "label"))


def _sources(movie: Movie, now: datetime, *, everything: bool) -> list[PosterSource]:
    here = Movie.objects.filter(pk=movie.pk)
    return [
        source
        for source in _switched_on()
        if here.filter(_is_due(source, now if everything else now - _limit(source))).exists()
    ]


def _is_due(source: PosterSource, before: datetime) -> Q:
    asked = SourceLookup.objects.filter(movie=OuterRef("pk"), source=source.name)
    mine = Poster.objects.filter(movie=OuterRef("pk"), source=source.name)
    # Posters that were fetched before lookups were written down have none.
    return Q(Exists(asked.filter(Q(found=True) | Exists(mine), checked_at__lte=before))) | (
        ~Exists(asked) & Q(Exists(mine.filter(fetched_at__lte=before)))
    )


def _limit(source: PosterSource) -> timedelta:
    told = settings.REFRESH_AFTER_DAYS_OF.get(source.name, settings.REFRESH_AFTER_DAYS)
    return timedelta(days=source.refresh_after_days if told is None else told)


def _switched_on() -> list[PosterSource]:
    return [POSTER_SOURCES[name] for name in settings.POSTER_SOURCES if name in POSTER_SOURCES]


def _shown(movie: Movie) -> str | None:
    return Poster.objects.filter(movie=movie, is_primary=True).values_list("sha256", flat=True).first()
