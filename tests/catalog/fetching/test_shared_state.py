"""Clients that know nothing of each other share limits, robots.txt and failing hosts through Redis."""

import pytest
from redis import Redis

from catalog.fetching.circuit_breaker import CircuitBreaker, CircuitPolicy
from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import FetchError, TryLater
from catalog.fetching.robots import UNREADABLE, Robots, RobotsCache
from catalog.fetching.shared_state import CLOCK_KEY, delete_after_set_back
from catalog.fetching.throttle import ConcurrencyLimiter, RateLimiter
from tests.catalog.fetching.clients import client_for, policy_for
from tests.replica.faults import FaultySite, too_many

HOST = "films.example"
ORIGIN = "https://films.example"
A_DAY_MS = 86_400_000


def test_rules_are_cached_for_all(redis_client: Redis) -> None:
    rules = Robots("User-agent: *\nDisallow: /é\n")
    for robots in (rules, UNREADABLE):
        RobotsCache(redis_client).put(ORIGIN, robots, 60)
        assert RobotsCache(redis_client).get(ORIGIN) == robots
    assert RobotsCache(redis_client).get("https://other.example") is None


@pytest.mark.parametrize("stored", [b"", b"{", b"[]", b'{"text": 5}', b"null"])
def test_damaged_rules_are_none(redis_client: Redis, stored: bytes) -> None:
    redis_client.set(f"postersite:robots:{ORIGIN}", stored)
    assert RobotsCache(redis_client).get(ORIGIN) is None


def test_two_clients_fetch_robots_txt_once_and_share_a_429(site: FaultySite) -> None:
    one, other = (client_for(site.url, deadline_s=5) for _ in range(2))
    one.get(site.url + "/movie/7")
    other.get(site.url + "/movie/7")
    assert len(site.paths("/robots.txt")) == 1
    site.spoil("/title/", too_many("500"))
    for client, path in ((one, "/title/tt0000007/"), (other, "/movie/7")):
        with pytest.raises(TryLater) as caught:
            client.get(site.url + path)
        assert caught.value.retry_after_s == pytest.approx(500, abs=5)
    assert len(site.paths("/movie/7")) == 2


def test_without_redis_a_request_fails_and_may_be_tried_again(site: FaultySite) -> None:
    client = PoliteClient(policy_for(site.url), Redis.from_url("redis://127.0.0.1:1/0"))
    with pytest.raises(FetchError, match="Redis") as caught:
        client.get(site.url + "/movie/7")
    assert caught.value.retryable
    assert site.paths() == []


def block(redis_client: Redis) -> None:
    """Let nobody send a request to a host for an hour, for every reason there is."""
    limiter = RateLimiter(redis_client)
    limiter.reserve(HOST, 3600, 3600)
    limiter.start(HOST, 3600)
    limiter.pause(HOST, 3600)
    ConcurrencyLimiter(redis_client).acquire(HOST, "token", 1, 3600)
    breaker = CircuitBreaker(redis_client)
    breaker.record_failure(HOST, "down", CircuitPolicy(failures=1, first_s=3600, longest_s=3600))
    breaker.record_failure("img.films.example", "status 503", CircuitPolicy())
    RobotsCache(redis_client).put(ORIGIN, UNREADABLE, 3600)


def is_free(redis_client: Redis) -> bool:
    limiter = RateLimiter(redis_client)
    return (
        limiter.reserve(HOST, 1, 3600) == 0
        and limiter.start(HOST, 1) == 0
        and ConcurrencyLimiter(redis_client).acquire(HOST, "another", 1, 1) == 0
        and CircuitBreaker(redis_client).open_circuit(HOST) is None
        and RobotsCache(redis_client).get(ORIGIN) is None
    )


def test_every_key_expires(redis_client: Redis) -> None:
    block(redis_client)
    keys = list(redis_client.scan_iter())
    assert len(keys) == 7
    assert all(redis_client.pttl(key) > 0 for key in keys)


def test_a_clock_set_back_deletes_the_state_once(redis_client: Redis) -> None:
    redis_client.set("celery", "not ours")
    assert not delete_after_set_back(redis_client)
    block(redis_client)
    # The server's clock cannot be moved here, so the time that it had last is.
    redis_client.incrby(CLOCK_KEY, A_DAY_MS)
    assert delete_after_set_back(redis_client)
    assert is_free(redis_client)
    assert redis_client.exists("celery")
    block(redis_client)
    assert not delete_after_set_back(redis_client)
    assert not is_free(redis_client)


def test_a_small_correction_of_the_clock_changes_nothing(redis_client: Redis) -> None:
    delete_after_set_back(redis_client)
    block(redis_client)
    redis_client.incrby(CLOCK_KEY, 30_000)
    assert not delete_after_set_back(redis_client)
    assert not is_free(redis_client)
