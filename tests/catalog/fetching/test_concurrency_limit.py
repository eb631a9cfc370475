"""A host gets so many requests at once and no more; a worker that died blocks nobody for long."""

import pytest

from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import NotFound, TryLater
from catalog.fetching.throttle import ConcurrencyLimiter
from tests.catalog.fetching.clients import client_for
from tests.catalog.fetching.virtual_time import VirtualTime
from tests.replica.faults import FaultySite, not_found

HOST = "films.example"


@pytest.fixture
def slots(virtual_time: VirtualTime) -> ConcurrencyLimiter:
    return ConcurrencyLimiter(virtual_time.redis)


@pytest.fixture
def client(site: FaultySite, virtual_time: VirtualTime) -> PoliteClient:
    return client_for(site.url, virtual_time, robots=False)


def occupy(slots: ConcurrencyLimiter, site: FaultySite, seconds: float) -> None:
    for token in "abcd":
        slots.acquire(site.url.partition("://")[2], token, 4, seconds)


def test_so_many_and_no_more(virtual_time: VirtualTime, slots: ConcurrencyLimiter) -> None:
    assert [slots.acquire(HOST, token, 2, 30) for token in "ab"] == [0, 0]
    virtual_time.advance(10)
    assert slots.acquire(HOST, "c", 2, 30) == 20
    assert slots.acquire("img.films.example", "c", 2, 30) == 0
    slots.release(HOST, "a")
    assert slots.acquire(HOST, "c", 2, 30) == 0


def test_a_lease_that_nobody_releases_ends(virtual_time: VirtualTime, slots: ConcurrencyLimiter) -> None:
    slots.acquire(HOST, "dead", 1, 30)
    virtual_time.advance(30)
    assert slots.acquire(HOST, "fresh", 1, 30) == 0
    slots.release(HOST, "dead")
    assert slots.acquire(HOST, "third", 1, 30) == 30


def test_a_client_waits_for_a_slot(
    site: FaultySite, client: PoliteClient, virtual_time: VirtualTime, slots: ConcurrencyLimiter
) -> None:
    occupy(slots, site, 8)
    assert client.get(site.url + "/movie/7").status == 200
    assert sum(virtual_time.slept) == pytest.approx(8, abs=0.01)
    assert len(set(virtual_time.slept)) > 10  # waiting clients poll at different times


def test_a_client_that_gets_none_tries_later(
    site: FaultySite, client: PoliteClient, slots: ConcurrencyLimiter
) -> None:
    occupy(slots, site, 100)
    with pytest.raises(TryLater) as caught:
        client.get(site.url + "/movie/7")
    assert caught.value.retry_after_s == pytest.approx(80, abs=1)  # two thirds of 30 s were waited
    assert site.paths() == []


def test_every_end_of_a_request_releases_its_slot(
    site: FaultySite, client: PoliteClient, virtual_time: VirtualTime
) -> None:
    site.spoil("/title/", not_found())
    for _ in range(5):
        client.get(site.url + "/movie/7")
        with pytest.raises(NotFound):
            client.get(site.url + "/title/tt0000007/")
    assert virtual_time.slept == []
