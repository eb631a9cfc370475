"""A client of Redis for those who do not wait long: pages, health checks, beat and commands."""

from __future__ import annotations

from typing import Any

from redis import Redis


def redis_client(url: str, timeout_s: float, **options: Any) -> Redis:
    """A client that gives up after `timeout_s` and does not try again. options: as for Redis.from_url."""
    return Redis.from_url(
        url, socket_connect_timeout=timeout_s, socket_timeout=timeout_s, retry=None, **options
    )
