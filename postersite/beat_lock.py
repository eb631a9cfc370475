"""The lock that lets one beat at a time send tasks, and when each was last sent, for all machines."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, cast

from redis import Redis, RedisError

from ml.processes import has_ended, this_process

from .redis_client import redis_client

LOCK_KEY = "postersite:beat:lock"
SENT_KEY = "postersite:beat:sent"
# Another beat takes over so long after the holder's last renewal.
LOCK_S = 30
# The holder renews the lock, and the others try to take it, at least so often.
RENEW_S = 5.0
TIMEOUT_S = 3.0

# Takes or renews the lock for ARGV[1], and returns its holder. ARGV[3] is a holder that has ended, or empty.
# More time is left than a lock has only if the clock of Redis was set back: then it would last too long.
_HOLD = """
local holder = redis.call('GET', KEYS[1])
local is_lost = not holder or holder == ARGV[3] or redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2])
if holder ~= ARGV[1] and not is_lost then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
"""
_RELEASE = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0"


class BeatLock:
    """The lock as seen by this process.

    A holder that is killed loses it after LOCK_S, to a beat on its own machine at once. A holder that was
    paused for longer than LOCK_S may send one task more. Tasks are idempotent.
    """

    def __init__(self, url: str, holder: str = "") -> None:
        self._url = url
        self._holder = holder

    @cached_property
    def _client(self) -> Redis:
        return redis_client(self._url, TIMEOUT_S, decode_responses=True)

    @cached_property
    def _me(self) -> str:
        # Not before the first use: beat inside a worker is a process that is forked later.
        return self._holder or this_process()

    def hold(self) -> bool:
        """Take the lock or renew it; returns whether this process has it. Raises RedisError."""
        holder = self._take("")
        if holder != self._me and has_ended(holder):
            holder = self._take(holder)
        return holder == self._me

    def _take(self, ended: str) -> str:
        args: list[str | int] = [self._me, LOCK_S * 1000, ended]
        return str(self._client.register_script(_HOLD)(keys=[LOCK_KEY], args=args))

    def release(self) -> None:
        """Let another beat take over at once."""
        with suppress(RedisError):
            self._client.register_script(_RELEASE)(keys=[LOCK_KEY], args=[self._me])

    def record_sent(self, task: str, when: float) -> None:
        """Record that an entry of the schedule was sent at `when` (seconds since 1970). Raises RedisError."""
        self._client.hset(SENT_KEY, task, str(when))

    def last_sent(self) -> Mapping[str, float]:
        """When each entry of the schedule was last sent, by whichever beat. Raises RedisError."""
        found = cast(dict[str, Any], self._client.hgetall(SENT_KEY))
        return {task: float(when) for task, when in found.items()}
