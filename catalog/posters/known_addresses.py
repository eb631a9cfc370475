"""Imported poster addresses: which of them may be fetched, and from which source."""

from __future__ import annotations

from django.conf import settings

from catalog.fetching.errors import Refused
from catalog.fetching.guard import check_url
from catalog.fetching.policy import FetchPolicy
from catalog.posters.sources.registry import POSTER_SOURCES, PosterSource


def why_not(url: str) -> str:
    """Why this address belongs to no poster source, as a sentence; "" if it belongs to one."""
    return _why_not(url, *POSTER_SOURCES.values())


def source_of(url: str) -> PosterSource | None:
    """The first enabled poster source, in the configured order, that this address belongs to."""
    switched_on = (POSTER_SOURCES[name] for name in settings.POSTER_SOURCES if name in POSTER_SOURCES)
    return next((source for source in switched_on if not _why_not(url, source)), None)


def _why_not(url: str, *sources: PosterSource) -> str:
    at_replica = bool(settings.REPLICA_URL)
    policy = FetchPolicy(
        name="poster sources",
        hosts=frozenset().union(*(source.hosts(settings.REPLICA_URL or None) for source in sources)),
        schemes=("http",) if at_replica else ("https",),
        user_agent="Postersite",
    )
    try:
        check_url(url, policy)
    except Refused as error:
        return str(error)
    if not any(source.sizes(url) for source in sources):
        return f"{url} is not the address of a poster"
    return ""
