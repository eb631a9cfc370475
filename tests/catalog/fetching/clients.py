"""A replica with one film, and clients that may fetch from it without losing time."""

import dataclasses
from typing import Any

from catalog.fetching.client import PoliteClient
from catalog.fetching.clock import Clock
from catalog.fetching.pacing import InProcessPacer
from catalog.fetching.policy import FetchPolicy
from catalog.fetching.robots import InProcessRobots
from catalog.sample.site import ReplicaMovie
from tests.replica.faults import FaultySite

POSTER = b"\xff\xd8\xff\xe0 not really a poster, but many bytes of one " * 40
FILM = ReplicaMovie(7, "tt0000007", "The Lighthouse Choir", 1961, "They sing at night.", POSTER)
IMAGE_PATH = f"/t/p/w500/{FILM.image_name}.jpg"


class FakeTime:
    """A clock on which only `sleep` lets time pass; `slept` lists the naps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now, wall=lambda: 1_800_000_000 + self.now, sleep=self.sleep)


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


def client_for(url: str, time: FakeTime | None = None, **changes: Any) -> PoliteClient:
    """A client of its own pacing and robots memory; on `time`'s clock when given one."""
    clock = time.clock if time else Clock()
    return PoliteClient(policy_for(url, **changes), InProcessPacer(clock), InProcessRobots(clock), clock)


def faulty_site() -> FaultySite:
    return FaultySite([FILM])
