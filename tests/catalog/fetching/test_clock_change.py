"""The clock of Redis is set back: hosts are not left alone until it has caught up."""

from __future__ import annotations

import pytest
from redis import Redis

from catalog.fetching.circuit_breaker import Patience, RedisBreaker
from catalog.fetching.pacing import RedisPacer
from catalog.fetching.shared_state import SEEN, forget_after_set_back
from catalog.fetching.slots import RedisSlots

pytestmark = pytest.mark.process

HOST = "films.example"


@pytest.fixture(autouse=True)
def busy(valkey: Redis) -> None:
    """A host that nobody may ask for an hour, for one reason and another."""
    valkey.flushall()
    RedisPacer(valkey).reserve(HOST, 3600)
    RedisPacer(valkey).depart(HOST, 3600)
    RedisPacer(valkey).slow_down(HOST, 3600)
    RedisSlots(valkey).take(HOST, "token", 1, 3600)
    RedisBreaker(valkey).failed(HOST, "down", Patience(failures=1, first_s=3600, longest_s=3600))
    valkey.set("postersite:robots:films.example", "{}")
    valkey.set("celery", "somebody else's")
    assert not forget_after_set_back(valkey)


def set_back(valkey: Redis, milliseconds: int) -> None:
    """The server's clock cannot be moved here, so what it said is."""
    valkey.incrby(SEEN, milliseconds)


def is_free(valkey: Redis) -> bool:
    pacer = RedisPacer(valkey)
    return (
        pacer.held_s(HOST) == 0
        and pacer.reserve(HOST, 1) == 0
        and pacer.depart(HOST, 1) == 0
        and RedisSlots(valkey).take(HOST, "another", 1, 1) == 0
        and RedisBreaker(valkey).look(HOST) is None
    )


def test_hosts_may_be_asked_at_once(valkey: Redis) -> None:
    assert not is_free(valkey)
    set_back(valkey, 86_400_000)
    assert forget_after_set_back(valkey)
    assert is_free(valkey)
    assert set(valkey.scan_iter("*")) >= {b"celery"} and not valkey.exists("postersite:robots:films.example")


def test_it_is_noticed_once(valkey: Redis) -> None:
    set_back(valkey, 86_400_000)
    assert forget_after_set_back(valkey)
    RedisPacer(valkey).slow_down(HOST, 3600)
    assert not forget_after_set_back(valkey)
    assert RedisPacer(valkey).held_s(HOST) > 0


def test_a_small_correction_changes_nothing(valkey: Redis) -> None:
    set_back(valkey, 30_000)
    assert not forget_after_set_back(valkey)
    assert not is_free(valkey)
