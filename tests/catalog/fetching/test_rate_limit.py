"""Turns at a host, in one process, on a clock that does not wait."""

import dataclasses
import threading

import pytest

from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import TryLater
from catalog.fetching.pacing import InProcessPacer, pacer_on
from tests.catalog.fetching.clients import FakeTime, client_for, policy_for
from tests.replica.faults import FaultySite


def test_turns_are_an_interval_apart(fake_time: FakeTime) -> None:
    pacer = InProcessPacer(fake_time.clock)
    assert [pacer.reserve("films.example", 2.0) for _ in range(4)] == [0, 2, 4, 6]


def test_hosts_do_not_wait_for_each_other(fake_time: FakeTime) -> None:
    pacer = InProcessPacer(fake_time.clock)
    assert pacer.reserve("films.example", 9) == pacer.reserve("img.films.example", 9) == 0


def test_time_that_passed_is_not_waited_again(fake_time: FakeTime) -> None:
    pacer = InProcessPacer(fake_time.clock)
    pacer.reserve("films.example", 3)
    fake_time.now += 2
    assert pacer.reserve("films.example", 3) == 1
    fake_time.now += 60
    assert pacer.reserve("films.example", 3) == 0


def test_a_turn_too_far_off_is_not_taken(fake_time: FakeTime) -> None:
    pacer = InProcessPacer(fake_time.clock)
    pacer.reserve("films.example", 10)
    assert pacer.reserve("films.example", 10, longest_s=5) == 10
    assert pacer.reserve("films.example", 10, longest_s=10) == 10
    assert pacer.reserve("films.example", 10) == 20


def test_slowing_down_moves_everyones_next_turn(fake_time: FakeTime) -> None:
    pacer = InProcessPacer(fake_time.clock)
    pacer.slow_down("films.example", 30)
    assert pacer.held_s("films.example") == 30
    assert [pacer.reserve("films.example", 1) for _ in range(2)] == [30, 31]
    fake_time.now += 30
    assert pacer.held_s("films.example") == 0


def test_a_shorter_slow_down_does_not_end_a_longer_one(fake_time: FakeTime) -> None:
    pacer = InProcessPacer(fake_time.clock)
    pacer.slow_down("films.example", 30)
    pacer.slow_down("films.example", 1)
    assert pacer.reserve("films.example", 1) == 30


def test_threads_never_share_a_turn(fake_time: FakeTime) -> None:
    pacer = InProcessPacer(fake_time.clock)
    waits: list[float] = []
    threads = [
        threading.Thread(target=lambda: waits.extend(pacer.reserve("films.example", 1) for _ in range(50)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == list(range(400))


def test_without_redis_the_threads_of_a_process_share() -> None:
    assert pacer_on(None) is pacer_on(None)


def test_a_client_keeps_its_policys_interval(site: FaultySite, fake_time: FakeTime) -> None:
    client = client_for(site.url, fake_time, min_interval_s=1.5)
    for _ in range(3):
        client.get(site.url + "/movie/7")
    assert sum(fake_time.slept) == pytest.approx(4.5)  # robots.txt takes the first turn


def test_turns_are_not_metronomic_and_never_too_near(site: FaultySite, fake_time: FakeTime) -> None:
    client = client_for(site.url, fake_time, min_interval_s=1.0, jitter=0.5, robots=False)
    for _ in range(21):
        client.get(site.url + "/movie/7")
    assert all(1.0 <= gap <= 1.5 for gap in fake_time.slept)
    assert len({round(gap, 6) for gap in fake_time.slept}) == 20


def test_who_wakes_up_late_is_not_followed_at_once(fake_time: FakeTime) -> None:
    pacer = InProcessPacer(fake_time.clock)
    assert pacer.depart("films.example", 1.0) == 0
    fake_time.now += 0.6
    assert pacer.depart("films.example", 1.0) == pytest.approx(0.4)
    assert pacer.depart("img.films.example", 1.0) == 0
    fake_time.now += 0.4
    assert pacer.depart("films.example", 1.0) == 0


def test_hosts_keep_their_own_pace(site: FaultySite, fake_time: FakeTime) -> None:
    host = site.url.partition("://")[2]
    client = client_for(site.url, fake_time, robots=False, min_interval_s=9.0, host_intervals_s={host: 0.5})
    for _ in range(3):
        client.get(site.url + "/movie/7")
    assert sum(fake_time.slept) == pytest.approx(1.0)


def test_who_waits_for_a_turn_has_time_left_for_the_answer(site: FaultySite, fake_time: FakeTime) -> None:
    client = client_for(site.url, fake_time, robots=False, min_interval_s=25.0, deadline_s=30.0)
    client.get(site.url + "/movie/7")
    with pytest.raises(TryLater) as caught:
        client.get(site.url + "/movie/7")
    assert caught.value.retry_after_s == pytest.approx(25)
    fake_time.now += 6
    assert client.get(site.url + "/movie/7").status == 200


def test_who_had_a_turn_before_a_slow_down_waits_it_out(site: FaultySite, fake_time: FakeTime) -> None:
    pacer = InProcessPacer(fake_time.clock)
    host = site.url.partition("://")[2]

    def sleep(seconds: float) -> None:
        if not fake_time.slept:
            pacer.slow_down(host, 12)  # another worker meets a 429 while this one waits for its turn
        fake_time.sleep(seconds)

    clock = dataclasses.replace(fake_time.clock, sleep=sleep)
    client = PoliteClient(policy_for(site.url, min_interval_s=2, robots=False), pacer, clock=clock)
    client.get(site.url + "/movie/7")
    client.get(site.url + "/movie/7")
    assert sum(fake_time.slept) == pytest.approx(12)
