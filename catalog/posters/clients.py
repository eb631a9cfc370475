"""The polite clients that poster sources are asked with: one for pages, one for pictures, kept for reuse."""

from __future__ import annotations

from functools import lru_cache

import redis
from django.conf import settings

from catalog.fetching.client import PoliteClient
from catalog.fetching.policy import FetchPolicy
from catalog.posters.sources.registry import PosterSource

from .rate_limits import intervals_s, picture_host

LARGEST_PAGE = 3 * 1024 * 1024  # bytes
LARGEST_IMAGE = 20 * 1024 * 1024  # bytes
# For one address, retries included: two sources with a page and a picture each stay within a claim's lease.
DEADLINE_S = 25.0


def page_client(source: PosterSource) -> PoliteClient:
    """A client for the pages, or the API, of a source."""
    return _client(_policy(source, LARGEST_PAGE, robots=source.obeys_robots), settings.REDIS_URL)


def picture_client(source: PosterSource) -> PoliteClient:
    """A client for the pictures of a source."""
    return _client(_policy(source, LARGEST_IMAGE), settings.REDIS_URL)


def user_agent() -> str:
    """What sites see: the project, its version, and how to reach whoever runs this copy."""
    contact = settings.CONTACT or "no contact given"
    return f"Postersite/{settings.VERSION} (film catalogue; {contact})"


def _policy(source: PosterSource, max_bytes: int, *, robots: bool = True) -> FetchPolicy:
    at_replica = bool(settings.REPLICA_URL)
    return FetchPolicy(
        name=source.name,
        hosts=source.hosts(settings.REPLICA_URL or None),
        schemes=("http",) if at_replica else ("https",),
        allow_loopback=at_replica,
        user_agent=user_agent(),
        host_intervals_s=intervals_s(source),
        max_at_once=settings.REQUESTS_AT_ONCE,
        depends_on=picture_host(source),
        max_bytes=max_bytes,
        deadline_s=DEADLINE_S,
        robots=robots,
    )


@lru_cache(maxsize=16)
def _client(policy: FetchPolicy, redis_url: str) -> PoliteClient:
    return PoliteClient(policy, redis.Redis.from_url(redis_url, socket_connect_timeout=5, socket_timeout=10))
