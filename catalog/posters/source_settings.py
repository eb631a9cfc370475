"""The operator's settings of poster sources: which are enabled, their keys, rates and refresh intervals.

Checks import this module at every start, so it imports nothing that fetches.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings

from .sources.registry import POSTER_SOURCES, PosterSource


def enabled_sources() -> list[PosterSource]:
    """The enabled sources in the configured order, without unknown names."""
    return [POSTER_SOURCES[name] for name in settings.POSTER_SOURCES if name in POSTER_SOURCES]


def base_url(source: PosterSource) -> str:
    """Where the source's pages or API are: at the site, or at the replica."""
    return (settings.REPLICA_URL or source.base_url).rstrip("/")


def hosts(source: PosterSource) -> frozenset[str]:
    """The hosts that the source may be fetched from: the site's, or the replica's."""
    return source.hosts(settings.REPLICA_URL or None)


def image_host(source: PosterSource) -> str:
    """The host of the source's images. While it fails, requests to the source are useless."""
    return urlsplit(settings.REPLICA_URL or source.image_base_url).netloc.lower()


def attribution(source: PosterSource) -> str:
    """The text beside a poster; posters of the replica are not those of the site that it replaces."""
    if settings.REPLICA_URL:
        return "Served by a replica site in place of the real one."
    return source.attribution


def api_key(source: PosterSource) -> str:
    """The key that is sent to the source; "" if the operator has set none."""
    # The replica requires a key, as the site does, and must never get the real one.
    return "replica" if settings.REPLICA_URL else str(settings.SOURCE_KEYS.get(source.key, ""))


def missing_key(source: PosterSource) -> str:
    """Which key must be set before the source responds, as a sentence; "" if none is missing."""
    if not source.key or api_key(source):
        return ""
    return f"{source.name} needs a key: set {source.key} to the one the site gave you (docs/data-sources.md)"


def requests_per_second(source: PosterSource) -> dict[str, float]:
    """The rate limit of each host that `source` is fetched from.

    A rate set for a host has priority over one set for its source, and that over one set for all. Sources
    that share a host, such as the replica, share the lowest rate of those that are enabled.
    """
    sharing = {one.name: one for one in (*enabled_sources(), source)}.values()
    return {host: min(_rate(one, host) for one in sharing if host in hosts(one)) for host in hosts(source)}


def unknown_rate_names() -> list[str]:
    """Names in POSTERSITE_REQUESTS_PER_SECOND that are neither a source nor a host of one."""
    known = {name for source in POSTER_SOURCES.values() for name in (source.name, *source.hosts())}
    known |= {urlsplit(settings.REPLICA_URL).netloc.lower()}
    return [name for name in settings.REQUESTS_PER_SECOND_OF if name not in known]


def refresh_after(source: PosterSource) -> timedelta:
    """For how long a poster of the source is not checked again."""
    days = settings.REFRESH_AFTER_DAYS_OF.get(source.name, settings.REFRESH_AFTER_DAYS)
    return timedelta(days=source.refresh_after_days if days is None else days)


def _rate(source: PosterSource, host: str) -> float:
    rates = settings.REQUESTS_PER_SECOND_OF
    rate = rates.get(host, rates.get(source.name, settings.REQUESTS_PER_SECOND))
    if rate is not None:
        return float(rate)
    # A replica serves pages and images from one host.
    return source.rate(host) if host in source.hosts() else min(map(source.rate, source.hosts()))
