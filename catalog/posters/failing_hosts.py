"""Which hosts of posters are failing now, for all workers together."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from redis import Redis, RedisError

from catalog.fetching.circuit_breaker import CircuitBreaker, OpenCircuit
from catalog.fetching.shared_state import delete_after_set_back
from postersite.redis_client import redis_client

from .source_settings import enabled_sources, hosts

log = logging.getLogger(__name__)

TIMEOUT_S = 1.0


def failing_hosts() -> list[str]:
    """A sentence for each host of the enabled sources that gets no requests because it keeps failing.

    Empty when the broker does not respond; the status page reports that itself.
    """
    with suppress(RedisError, OSError, ValueError), redis_client(settings.REDIS_URL, TIMEOUT_S) as client:
        return [_sentence(circuit) for circuit in circuits(client).values() if circuit is not None]
    return []


def circuits(client: Redis) -> dict[str, OpenCircuit | None]:
    """The open circuit of each host of the enabled sources, None where it is closed. Raises RedisError."""
    names = sorted({host for source in enabled_sources() for host in hosts(source)})
    breaker = CircuitBreaker(client)
    return {host: breaker.open_circuit(host) for host in names}


def delete_state_after_clock_change() -> None:
    """Delete the shared state of hosts after the clock was set back, so that they get requests at once."""
    with suppress(RedisError, OSError, ValueError), redis_client(settings.REDIS_URL, TIMEOUT_S) as client:
        if delete_after_set_back(client):
            log.warning("The clock was set back. The shared state of hosts was deleted.")


def _sentence(circuit: OpenCircuit) -> str:
    if circuit.wait_s <= 0:
        return f"{circuit}: the next request finds out whether it responds again."
    till = timezone.localtime(timezone.now() + timedelta(seconds=circuit.wait_s))
    return f"{circuit}: no requests before {till:%H:%M:%S}."
