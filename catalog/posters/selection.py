"""Select the movies whose posters runs fetch or refresh, and start the scheduled runs."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from catalog.models import Movie, Poster, Run, RunItem, SourceLookup
from catalog.runs import lifecycle
from catalog.runs.chunks import LIVE, OPEN

from .source_settings import enabled_sources, refresh_after
from .sources.registry import PosterSource

# A movie without a poster at any source is a new arrival again after this time; users may try at any time.
RETRY_AFTER = timedelta(days=7)


def to_look_up() -> QuerySet[Movie]:
    """Movies without a poster that a source may know, and that no other run will look up."""
    found = not_being_looked_up()
    for run in Run.objects.filter(kind="scrape", state__in=LIVE, chosen=False):
        first, last = run.chunks.first(), run.chunks.last()
        if first is not None and last is not None:
            found = found.exclude(pk__range=(first.keys[0], last.keys[-1]))
    return found


def not_being_looked_up() -> QuerySet[Movie]:
    """Movies without a poster that a source may know, and that are no item of a live run."""
    return Movie.objects.without_poster().filter(
        Q(tmdb_id__isnull=False) | Q(imdb_id__isnull=False), ~Exists(_open_items("scrape"))
    )


def new_arrivals() -> QuerySet[Movie]:
    """Movies without a poster that a source may know, and for which no run failed within RETRY_AFTER."""
    failed = RunItem.objects.filter(
        movie=OuterRef("pk"),
        run__kind="scrape",
        state=RunItem.State.FAILED,
        finished_at__gt=timezone.now() - RETRY_AFTER,
    )
    return to_look_up().filter(~Exists(failed))


def start_new_arrivals() -> Run | None:
    """Fetch the posters of new arrivals, embed them and suggest genres; None if there are none."""
    arrivals = new_arrivals()
    if not settings.POSTER_SOURCES or not arrivals.exists():
        return None
    return lifecycle.start_unless_live("scrape", movies=arrivals)


def stale() -> QuerySet[Movie]:
    """Movies with a poster of an enabled source that was not checked within the source's interval."""
    now = timezone.now()
    due = Q(pk__in=[])
    for source in enabled_sources():
        due |= _checked_before(source, now - refresh_after(source))
    return Movie.objects.filter(due, ~Exists(_open_items("refresh")))


def start_refresh() -> Run | None:
    """Refresh stale posters; None if there are none."""
    if not stale().exists():
        return None
    return lifecycle.start_unless_live("refresh")


def sources_to_check(movie: Movie, *, everything: bool) -> list[PosterSource]:
    """The enabled sources of the movie's posters that are due; with `everything` all of them."""
    now = timezone.now()
    same = Movie.objects.filter(pk=movie.pk)
    return [
        source
        for source in enabled_sources()
        if same.filter(_checked_before(source, now if everything else now - refresh_after(source))).exists()
    ]


def _checked_before(source: PosterSource, moment: datetime) -> Q:
    lookups = SourceLookup.objects.filter(movie=OuterRef("pk"), source=source.name)
    posters = Poster.objects.filter(movie=OuterRef("pk"), source=source.name)
    earlier = lookups.filter(checked_at__lte=moment)
    # Posters that were fetched before lookups were stored have none.
    return (
        Q(Exists(earlier.filter(found=True)))
        | Q(Exists(earlier), Exists(posters))
        | (~Exists(lookups) & Q(Exists(posters.filter(fetched_at__lte=moment))))
    )


def _open_items(kind: str) -> QuerySet[RunItem]:
    return RunItem.objects.filter(movie=OuterRef("pk"), run__kind=kind, run__state__in=LIVE, state__in=OPEN)
