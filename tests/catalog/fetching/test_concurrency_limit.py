"""A host answers so many requests at once and no more; who died with one gives it back in time."""

import pytest

from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import NotFound, TryLater
from catalog.fetching.slots import InProcessSlots, slots_on
from tests.catalog.fetching.clients import FakeTime, policy_for
from tests.replica.faults import FaultySite, not_found

HOST = "films.example"


def test_so_many_and_no_more(fake_time: FakeTime) -> None:
    slots = InProcessSlots(fake_time.clock)
    assert [slots.take(HOST, token, 2, 30) for token in "ab"] == [0, 0]
    fake_time.now += 10
    assert slots.take(HOST, "c", 2, 30) == 20
    assert slots.take("img.films.example", "c", 2, 30) == 0
    slots.give_back(HOST, "a")
    assert slots.take(HOST, "c", 2, 30) == 0


def test_a_lease_that_nobody_gives_back_ends(fake_time: FakeTime) -> None:
    slots = InProcessSlots(fake_time.clock)
    slots.take(HOST, "dead", 1, 30)
    fake_time.now += 30
    assert slots.take(HOST, "fresh", 1, 30) == 0
    slots.give_back(HOST, "dead")
    assert slots.take(HOST, "third", 1, 30) == 30


def test_without_redis_the_threads_of_a_process_share() -> None:
    assert slots_on(None) is slots_on(None)


def client_of(site: FaultySite, fake_time: FakeTime, slots: InProcessSlots) -> PoliteClient:
    return PoliteClient(policy_for(site.url, robots=False), clock=fake_time.clock, slots=slots)


def test_a_client_waits_for_a_slot_and_then_asks(site: FaultySite, fake_time: FakeTime) -> None:
    slots = InProcessSlots(fake_time.clock)
    host = site.url.partition("://")[2]
    for token in "abcd":
        slots.take(host, token, 4, 8)
    assert client_of(site, fake_time, slots).get(site.url + "/movie/7").status == 200
    assert sum(fake_time.slept) == pytest.approx(8)
    assert len(set(fake_time.slept)) > 10  # whoever waits looks again at moments of his own


def test_a_client_that_gets_none_comes_back_later(site: FaultySite, fake_time: FakeTime) -> None:
    slots = InProcessSlots(fake_time.clock)
    host = site.url.partition("://")[2]
    for token in "abcd":
        slots.take(host, token, 4, 100)
    with pytest.raises(TryLater, match="4 requests already, the most at once") as caught:
        client_of(site, fake_time, slots).get(site.url + "/movie/7")
    assert caught.value.retry_after_s == pytest.approx(80, abs=1)  # two thirds of 30 s were waited
    assert site.paths() == []


def test_every_end_of_a_request_gives_its_slot_back(site: FaultySite, fake_time: FakeTime) -> None:
    slots = InProcessSlots(fake_time.clock)
    client = client_of(site, fake_time, slots)
    site.spoil("/title/", not_found())
    for _ in range(5):
        client.get(site.url + "/movie/7")
        with pytest.raises(NotFound):
            client.get(site.url + "/title/tt0000007/")
    assert fake_time.slept == []
