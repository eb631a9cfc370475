"""How many requests a host answers at once: a lease each, shared through Redis, or by a process' threads."""

import threading
from typing import Protocol

from redis import Redis

from .clock import Clock

# A sorted set of tokens by the moment their leases end; a killed worker's lease ends by itself. Time is the
# server's own, and the key lives as long as its longest lease.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', now))
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return math.max(tonumber(redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]) - now, 1)
end
redis.call('ZADD', KEYS[1], string.format('%d', now + tonumber(ARGV[3])), ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 0
"""


class Slots(Protocol):
    """Requests under way at hosts. Seconds everywhere; a host is `host` or `host:port`."""

    def take(self, host: str, token: str, most: int, lease_s: float) -> float:
        """Take one of `most` slots at `host` for `lease_s` at the longest; 0 when it was to be had.

        Otherwise after how many seconds, at the latest, one of those taken is free again.
        """

    def give_back(self, host: str, token: str) -> None:
        """End the lease of `token`; harmless when it has ended."""


class RedisSlots:
    """Slots shared by every process that uses the same Redis or Valkey."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._take = client.register_script(_TAKE)

    def take(self, host: str, token: str, most: int, lease_s: float) -> float:
        lease_ms = max(round(lease_s * 1000), 1)
        return float(self._take(keys=[_key(host)], args=[token, most, lease_ms])) / 1000

    def give_back(self, host: str, token: str) -> None:
        self._client.zrem(_key(host), token)


class InProcessSlots:
    """Slots shared by the threads of one process."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._leases: dict[str, dict[str, float]] = {}

    def take(self, host: str, token: str, most: int, lease_s: float) -> float:
        with self._lock:
            now = self._clock.monotonic()
            held = {one: till for one, till in self._leases.get(host, {}).items() if till > now}
            if len(held) >= most:
                return min(held.values()) - now
            self._leases[host] = {**held, token: now + lease_s}
            return 0.0

    def give_back(self, host: str, token: str) -> None:
        with self._lock:
            self._leases.get(host, {}).pop(token, None)


_in_process = InProcessSlots()


def slots_on(client: Redis | None) -> Slots:
    """Slots shared through `client`, or, without one, by all threads of this process."""
    return _in_process if client is None else RedisSlots(client)


def _key(host: str) -> str:
    return f"postersite:slots:{{{host}}}"
