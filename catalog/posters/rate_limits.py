"""How often each host may be asked: what its sources bear, unless the operator has said something else."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from catalog.posters.sources.registry import POSTER_SOURCES, PosterSource


def requests_per_second(source: PosterSource) -> dict[str, float]:
    """The rate of each host that `source` is fetched from.

    A rate set for a host counts before one set for its source, and that before one set for all. Of sources
    that share a host, be it only the replica, all keep to the slowest one's rate, switched on or in hand.
    """
    in_use = {name: POSTER_SOURCES[name] for name in settings.POSTER_SOURCES if name in POSTER_SOURCES}
    sharing = [*(in_use | {source.name: source}).values()]
    return {
        host: min(_rate(one, host) for one in sharing if host in one.hosts(settings.REPLICA_URL or None))
        for host in source.hosts(settings.REPLICA_URL or None)
    }


def intervals_s(source: PosterSource) -> dict[str, float]:
    """Seconds between two requests to each host that `source` is fetched from."""
    return {host: 1.0 / rate for host, rate in requests_per_second(source).items()}


def picture_host(source: PosterSource) -> frozenset[str]:
    """The host of the source's pictures: while it fails, nothing is worth asking the source."""
    return frozenset({urlsplit(settings.REPLICA_URL or source.image_base_url).netloc.lower()})


def unknown_names() -> list[str]:
    """What POSTERSITE_REQUESTS_PER_SECOND names that is neither a source nor a host of one."""
    known = {name for source in POSTER_SOURCES.values() for name in (source.name, *source.hosts())}
    known |= {urlsplit(settings.REPLICA_URL).netloc.lower()}
    return [name for name in settings.REQUESTS_PER_SECOND_OF if name not in known]


def _rate(source: PosterSource, host: str) -> float:
    named = settings.REQUESTS_PER_SECOND_OF
    told = named.get(host, named.get(source.name, settings.REQUESTS_PER_SECOND))
    if told is not None:
        return float(told)
    # A replica serves pages and pictures from one host.
    return source.rate(host) if host in source.hosts() else min(map(source.rate, source.hosts()))
