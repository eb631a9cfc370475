"""A host gets its requests an interval apart and so many at once, from all workers together."""

import threading
from unittest import mock

import pytest

from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import NotFound, TryLater
from catalog.fetching.throttle import ConcurrencyLimiter, RateLimiter
from tests.catalog.fetching.clients import client_for
from tests.catalog.fetching.virtual_time import VirtualTime
from tests.replica.faults import FaultySite, not_found

HOST, OTHER = "films.example", "img.films.example"
ANY = 1e6


@pytest.fixture
def limiter(virtual_time: VirtualTime) -> RateLimiter:
    return RateLimiter(virtual_time.redis)


def test_reservations_of_all_workers_are_an_interval_apart(virtual_time: VirtualTime) -> None:
    waits: list[float] = []

    def work() -> None:
        limiter = RateLimiter(virtual_time.redis)
        waits.extend(limiter.reserve(HOST, 1, ANY) for _ in range(25))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == list(range(150))


def test_time_that_passed_is_not_waited_again(limiter: RateLimiter, virtual_time: VirtualTime) -> None:
    limiter.reserve(HOST, 3, ANY)
    assert limiter.reserve(OTHER, 3, ANY) == 0
    virtual_time.advance(2)
    assert limiter.reserve(HOST, 3, ANY) == 1
    virtual_time.advance(60)
    assert limiter.reserve(HOST, 3, ANY) == 0


def test_a_start_too_far_off_is_not_reserved(limiter: RateLimiter) -> None:
    limiter.reserve(HOST, 10, ANY)
    assert limiter.reserve(HOST, 10, longest_s=5) == 10
    assert limiter.reserve(HOST, 10, longest_s=10) == 10
    assert limiter.reserve(HOST, 10, ANY) == 20


def test_a_pause_holds_for_all_and_is_never_shortened(
    limiter: RateLimiter, virtual_time: VirtualTime
) -> None:
    limiter.pause(HOST, 30)
    limiter.pause(HOST, 1)
    limiter.pause(OTHER, 0)
    worker = RateLimiter(virtual_time.redis)
    assert worker.start(HOST, 1) is None
    assert [worker.reserve(HOST, 1, ANY) for _ in range(2)] == [30, 31]
    assert worker.start(OTHER, 1) == 0
    virtual_time.advance(30)
    assert worker.start(HOST, 1) == 0


def test_a_late_start_is_not_followed_at_once(limiter: RateLimiter, virtual_time: VirtualTime) -> None:
    assert limiter.start(HOST, 1.0) == 0
    virtual_time.advance(0.6)
    assert limiter.start(HOST, 1.0) == pytest.approx(0.4)
    assert limiter.start(OTHER, 1.0) == 0
    virtual_time.advance(0.4)
    assert limiter.start(HOST, 1.0) == 0


@pytest.mark.parametrize(("other_s", "host_s"), [(1.5, None), (9.0, 1.5)])
def test_a_client_waits_the_interval_of_the_host_or_the_policys(
    site: FaultySite, virtual_time: VirtualTime, other_s: float, host_s: float | None
) -> None:
    intervals = {} if host_s is None else {site.url.partition("://")[2]: host_s}
    client = client_for(site.url, virtual_time, min_interval_s=other_s, host_intervals_s=intervals)
    for _ in range(3):
        client.get(site.url + "/movie/7")
    assert sum(virtual_time.slept) == pytest.approx(4.5)  # robots.txt is the first request


def test_jitter_lengthens_intervals(site: FaultySite, virtual_time: VirtualTime) -> None:
    client = client_for(site.url, virtual_time, min_interval_s=1.0, jitter=0.5, robots=False)
    for _ in range(21):
        client.get(site.url + "/movie/7")
    assert all(1.0 <= gap <= 1.5 for gap in virtual_time.slept)
    assert len({round(gap, 6) for gap in virtual_time.slept}) > 15


def test_waiting_leaves_time_for_the_response(site: FaultySite, virtual_time: VirtualTime) -> None:
    client = client_for(site.url, virtual_time, robots=False, min_interval_s=25.0, deadline_s=30.0)
    client.get(site.url + "/movie/7")
    with pytest.raises(TryLater) as caught:
        client.get(site.url + "/movie/7")
    assert caught.value.retry_after_s == pytest.approx(25)
    virtual_time.advance(6)
    assert client.get(site.url + "/movie/7").status == 200


def test_a_request_with_a_reservation_waits_for_the_end_of_a_pause(
    site: FaultySite, virtual_time: VirtualTime, limiter: RateLimiter
) -> None:
    client = client_for(site.url, virtual_time, min_interval_s=2, robots=False)
    client.get(site.url + "/movie/7")
    sleep = virtual_time.sleep

    def paused_meanwhile(seconds: float) -> None:
        if not virtual_time.slept:
            limiter.pause(site.url.partition("://")[2], 12)  # another worker got a 429
        sleep(seconds)

    with mock.patch.object(virtual_time, "sleep", paused_meanwhile):
        client.get(site.url + "/movie/7")
    assert sum(virtual_time.slept) == pytest.approx(12)


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
    assert slots.acquire(OTHER, "c", 2, 30) == 0
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
