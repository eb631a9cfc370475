"""A picture from an address that staff entered, at any public https host. It is checked like an upload."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from redis import Redis

from catalog.fetching.client import PoliteClient
from catalog.fetching.policy import FetchPolicy
from ml.imaging import images

from .lookup import user_agent

# A request of the website waits for it.
DEADLINE_S = 15.0


def policy() -> FetchPolicy:
    """Any public host, once: robots.txt is for crawlers, not for the one picture that a person asks for."""
    return FetchPolicy(
        name="pictures from addresses",
        hosts=frozenset(),
        any_host=True,
        user_agent=user_agent(),
        max_bytes=images.MAX_BYTES,
        max_attempts=1,
        deadline_s=DEADLINE_S,
        robots=False,
    )


def fetch_picture(url: str) -> bytes:
    """The bytes at the address. They are untrusted: `primary.store_poster` checks and re-encodes them.

    Raises catalog.fetching.errors.FetchError, with a sentence.
    """
    return _client(policy(), settings.REDIS_URL).get(url, accept="image/*").body


@lru_cache(maxsize=4)
def _client(chosen: FetchPolicy, redis_url: str) -> PoliteClient:
    return PoliteClient(chosen, Redis.from_url(redis_url, socket_connect_timeout=5, socket_timeout=10))
