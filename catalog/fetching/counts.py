"""Counts of responses by host and result, for all workers together, in Redis."""

import contextlib
from collections.abc import Mapping
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from .guard import host_key
from .policy import FetchPolicy

KEY = "postersite:fetches"
# Hosts that staff entered share a name, and so does the replica with its changing port: names are few.
OTHER = "other"
REPLICA = "replica"


class FetchCounts:
    """Counts what the requests of one policy resulted in."""

    def __init__(self, policy: FetchPolicy, client: Redis) -> None:
        self._policy = policy
        self._client = client

    def add(self, url: str, result: str) -> None:
        """Count a response; a count is lost when Redis does not respond."""
        host = REPLICA if self._policy.allow_loopback else host_key(url)
        name = host if host == REPLICA or host in self._policy.hosts else OTHER
        with contextlib.suppress(RedisError):
            self._client.hincrby(KEY, f"{name} {result}", 1)


def fetch_counts(client: Redis) -> dict[tuple[str, str], int]:
    """How many responses there were, by host and result. Raises RedisError."""
    found = cast(Mapping[bytes, Any], client.hgetall(KEY))
    counts = {}
    for field, count in found.items():
        host, _, result = field.decode(errors="replace").partition(" ")
        counts[host, result] = int(count)
    return counts
