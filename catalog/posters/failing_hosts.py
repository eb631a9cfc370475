"""Which hosts that posters come from are failing now, as all workers together have found, in sentences."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from redis import Redis, RedisError

from catalog.fetching.circuit_breaker import CircuitBreaker, OpenCircuit
from catalog.fetching.shared_state import delete_after_set_back
from catalog.posters.sources.registry import POSTER_SOURCES

log = logging.getLogger(__name__)

TIMEOUT_S = 1.0


def failing_hosts() -> list[str]:
    """A sentence for each host of the sources switched on that is left alone because it keeps failing.

    Empty when the broker, through which workers share that, does not answer: that is told elsewhere.
    """
    switched_on = [POSTER_SOURCES[name] for name in settings.POSTER_SOURCES if name in POSTER_SOURCES]
    hosts = sorted({host for source in switched_on for host in source.hosts(settings.REPLICA_URL or None)})
    found: list[OpenCircuit | None] = []
    with suppress(RedisError, OSError, ValueError), _memory() as memory:
        breaker = CircuitBreaker(memory)
        found = [breaker.open_circuit(host) for host in hosts]
    return [_sentence(failing) for failing in found if failing is not None]


def forget_after_clock_change() -> None:
    """Let hosts be asked at once after the clock was set back, and not only when it has caught up."""
    with suppress(RedisError, OSError, ValueError), _memory() as memory:
        if delete_after_set_back(memory):
            log.warning("The clock was set back. What was known about hosts is forgotten.")


def _memory() -> Redis:
    return Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S, retry=None
    )


def _sentence(failing: OpenCircuit) -> str:
    if failing.wait_s <= 0:
        return f"{failing}: the next poster from there finds out whether it is well again."
    till = timezone.localtime(timezone.now() + timedelta(seconds=failing.wait_s))
    return f"{failing}: not asked again before {till:%H:%M:%S}."
