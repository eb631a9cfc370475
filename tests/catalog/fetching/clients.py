"""A replica with one film, and clients that fetch from it."""

import dataclasses
from typing import Any

from django.conf import settings
from redis import Redis

from catalog.fetching.client import PoliteClient
from catalog.fetching.policy import FetchPolicy
from catalog.sample.site import ReplicaMovie
from tests.catalog.fetching.virtual_time import VirtualTime
from tests.replica.faults import FaultySite

POSTER = b"\xff\xd8\xff\xe0 not really a poster, but many bytes of one " * 40
FILM = ReplicaMovie(7, "tt0000007", "The Lighthouse Choir", 1961, "They sing at night.", POSTER)
IMAGE_PATH = f"/t/p/w500/{FILM.image_name}.jpg"


def policy_for(url: str, **changes: Any) -> FetchPolicy:
    policy = FetchPolicy(
        name="replica",
        hosts=frozenset({url.partition("://")[2]}),
        user_agent="Postersite/0.1 (+https://example.org/contact)",
        schemes=("http",),
        allow_loopback=True,
        min_interval_s=0.0,
        jitter=0.0,
    )
    return dataclasses.replace(policy, **changes)


def client_for(url: str, time: VirtualTime | None = None, **changes: Any) -> PoliteClient:
    """A client whose limits are in the virtual time when given one."""
    return PoliteClient(
        policy_for(url, **changes), time.redis if time else Redis.from_url(settings.REDIS_URL)
    )


def faulty_site() -> FaultySite:
    return FaultySite([FILM])
