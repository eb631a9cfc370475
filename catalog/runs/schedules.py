"""What the site starts by itself: new arrivals, refresh, the check of the catalogue. Settings say when."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from catalog.integrity import checking
from catalog.models import Movie, Run, RunItem
from catalog.posters import refresh

from . import chunks, lifecycle

log = logging.getLogger(__name__)

# A movie that no source had a poster for is asked about again a week later; a person may do so any time.
ASKED_IN_VAIN = timedelta(days=7)


def new_arrivals() -> QuerySet[Movie]:
    """Movies without a poster that a source may know, and that were not asked about in vain of late."""
    in_vain = RunItem.objects.filter(
        movie=OuterRef("pk"),
        run__kind=Run.Kind.SCRAPE,
        state=RunItem.State.FAILED,
        finished_at__gt=timezone.now() - ASKED_IN_VAIN,
    )
    return chunks.to_look_up().filter(~Exists(in_vain))


def start_new_arrivals() -> Run | None:
    """Fetch the posters of new arrivals, embed them and suggest genres; None when there is nothing to do."""
    if not settings.POSTER_SOURCES or _is_live(Run.Kind.SCRAPE) or not new_arrivals().exists():
        return None
    return _started(Run.Kind.SCRAPE, movies=new_arrivals(), followed_by=lifecycle.AFTER_FETCHING)


def start_refresh() -> Run | None:
    """Refresh what was not asked about for longer than its source's limit; None when that is nothing."""
    if _is_live(Run.Kind.REFRESH) or not refresh.stale().exists():
        return None
    return _started(Run.Kind.REFRESH, followed_by=lifecycle.AFTER_FETCHING)


def start_check() -> Run | None:
    """Compare the database with the files; None while such a check is going on."""
    if _is_live(Run.Kind.CHECK):
        return None
    return _started(Run.Kind.CHECK, params={checking.MEND: settings.CHECK_MENDS})


def _is_live(kind: Run.Kind) -> bool:
    return lifecycle.live_runs().filter(kind=kind).exists()


def _started(kind: Run.Kind, **options: object) -> Run | None:
    try:
        return lifecycle.start(kind, **options)  # type: ignore[arg-type]
    except lifecycle.RunError as error:
        log.warning("The scheduled run (%s) did not start: %s", kind.label, error)
        return None
