"""Turns and robots.txt shared through a real Valkey by clients that know nothing of each other."""

import threading

import pytest
from redis import Redis

from catalog.fetching.circuit_breaker import Patience, RedisBreaker
from catalog.fetching.client import polite_client
from catalog.fetching.errors import FetchError, ServerTrouble, TryLater
from catalog.fetching.pacing import RedisPacer
from catalog.fetching.robots import CLOSED, RedisRobots, Robots
from catalog.fetching.slots import RedisSlots
from tests.catalog.fetching.clients import policy_for
from tests.replica.faults import FaultySite, status, too_many

pytestmark = pytest.mark.process

NEVER = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def empty(valkey: Redis) -> None:
    valkey.flushall()


def test_turns_of_two_workers_are_an_interval_apart(valkey: Redis) -> None:
    one, other = RedisPacer(valkey), RedisPacer(valkey)
    waits = [pacer.reserve("films.example", 100) for pacer in (one, other, one)]
    assert waits[0] == 0
    assert waits[1:] == [pytest.approx(100, abs=5), pytest.approx(200, abs=5)]


def test_turns_are_never_shared_under_load(valkey: Redis) -> None:
    waits: list[float] = []

    def work() -> None:
        pacer = RedisPacer(valkey)
        waits.extend(pacer.reserve("films.example", 1000) for _ in range(25))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [round(wait / 1000) for wait in sorted(waits)] == list(range(150))


def test_a_turn_too_far_off_is_not_taken(valkey: Redis) -> None:
    pacer = RedisPacer(valkey)
    pacer.reserve("films.example", 100)
    for _ in range(3):
        assert pacer.reserve("films.example", 100, longest_s=5) == pytest.approx(100, abs=5)


def test_a_slow_down_holds_every_worker_and_is_never_shortened(valkey: Redis) -> None:
    one, other = RedisPacer(valkey), RedisPacer(valkey)
    one.slow_down("films.example", 300)
    one.slow_down("films.example", 3)
    assert other.held_s("films.example") == pytest.approx(300, abs=5)
    assert other.reserve("films.example", 1) == pytest.approx(300, abs=5)
    assert other.held_s("img.films.example") == 0


def test_every_key_expires(valkey: Redis) -> None:
    pacer = RedisPacer(valkey)
    pacer.reserve("films.example", 0)
    pacer.reserve("films.example", 100)
    pacer.slow_down("films.example", 100)
    pacer.depart("films.example", 100)
    RedisRobots(valkey).put("https://films.example", CLOSED, 100)
    slots, breaker = RedisSlots(valkey), RedisBreaker(valkey)
    slots.take("films.example", "one", 4, 100)
    breaker.failed("films.example", "status 503", Patience())
    for _ in range(2):
        breaker.failed("img.films.example", "status 503", Patience(failures=1))
        breaker.enter("img.films.example", 20)
    keys = list(valkey.scan_iter())
    assert len(keys) == 7
    assert all(valkey.pttl(key) > 0 for key in keys)


def test_a_slow_down_of_nothing_is_none(valkey: Redis) -> None:
    pacer = RedisPacer(valkey)
    pacer.slow_down("films.example", 0)
    assert pacer.held_s("films.example") == 0


def test_rules_are_remembered_for_all(valkey: Redis) -> None:
    rules = Robots("User-agent: *\nDisallow: /é\n")
    RedisRobots(valkey).put("https://films.example", rules, 60)
    assert RedisRobots(valkey).get("https://films.example") == rules
    RedisRobots(valkey).put("https://films.example", CLOSED, 60)
    assert RedisRobots(valkey).get("https://films.example") == CLOSED
    assert RedisRobots(valkey).get("https://other.example") is None


@pytest.mark.parametrize("stored", [b"", b"{", b"[]", b'{"text": 5}', b"null"])
def test_a_damaged_memory_is_none(valkey: Redis, stored: bytes) -> None:
    valkey.set("postersite:robots:https://films.example", stored)
    assert RedisRobots(valkey).get("https://films.example") is None


def test_two_clients_ask_for_robots_txt_once_and_share_a_429(valkey: Redis, site: FaultySite) -> None:
    one, other = (polite_client(policy_for(site.url, deadline_s=5), valkey) for _ in range(2))
    one.get(site.url + "/movie/7")
    other.get(site.url + "/movie/7")
    assert len(site.paths("/robots.txt")) == 1
    site.spoil("/title/", too_many("500"))
    for client, path in ((one, "/title/tt0000007/"), (other, "/movie/7")):
        with pytest.raises(TryLater) as caught:
            client.get(site.url + path)
        assert caught.value.retry_after_s == pytest.approx(500, abs=5)
    assert len(site.paths("/movie/7")) == 2


def test_what_one_client_finds_of_a_failing_host_holds_for_all(
    valkey: Redis, site: FaultySite, caplog: pytest.LogCaptureFixture
) -> None:
    patience = Patience(failures=4, first_s=600)
    policy = policy_for(site.url, robots=False, max_attempts=2, backoff_s=0.001, patience=patience)
    site.spoil("/movie/7", status(503))
    one, other = polite_client(policy, valkey), polite_client(policy, valkey)
    for client in (one, other):
        with pytest.raises(ServerTrouble):
            client.get(site.url + "/movie/7")
    for client in (one, other, one):
        with pytest.raises(TryLater, match=r"is failing \(4 times in a row, the last time: status 503\)"):
            client.get(site.url + "/title/tt0000007/")
    assert len(site.paths()) == 4
    assert [record.getMessage().count("is failing") for record in caplog.records] == [1]


def test_a_redis_that_is_gone_is_a_fetch_error_worth_another_try(site: FaultySite) -> None:
    client = polite_client(policy_for(site.url), Redis.from_url(NEVER))
    with pytest.raises(FetchError, match="Redis") as caught:
        client.get(site.url + "/movie/7")
    assert caught.value.retryable
    assert site.paths() == []
