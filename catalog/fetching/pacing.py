"""Who may ask which host next: one queue a host, shared through Redis, or by the threads of a process."""

import threading
from typing import Protocol

from redis import Redis

from .clock import Clock

# Every key expires by itself; the hash tag keeps a host's keys on one node of a cluster.
_KEY = "postersite:pace:{{{host}}}:{what}"

# Time is the server's own: workers' clocks may differ.
_RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local next_slot = tonumber(redis.call('GET', KEYS[1]) or '0')
local hold = tonumber(redis.call('GET', KEYS[2]) or '0')
local slot = math.max(now, next_slot, hold)
local wait = slot - now
local interval, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
if longest >= 0 and wait > longest then return wait end
local kept = string.format('%d', wait + interval + 1)
redis.call('SET', KEYS[1], string.format('%d', slot + interval), 'PX', kept)
return wait
"""
_SLOW_DOWN = """
local t = redis.call('TIME')
local till = t[1] * 1000 + math.floor(t[2] / 1000) + tonumber(ARGV[1])
if till > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], string.format('%d', till), 'PX', ARGV[1])
end
return 0
"""
# The key lives exactly as long as nobody may follow.
_DEPART = """
if redis.call('SET', KEYS[1], 1, 'NX', 'PX', ARGV[1]) then return 0 end
return math.max(redis.call('PTTL', KEYS[1]), 1)
"""
_LEAST = 0.001  # seconds; what Redis counts in


class Pacer(Protocol):
    """Turns at hosts. Seconds everywhere; a host is `host` or `host:port`."""

    def reserve(self, host: str, interval_s: float, longest_s: float | None = None) -> float:
        """Take the host's next turn, `interval_s` after the one before; return how long to wait for it.

        When that is over `longest_s`, no turn is taken and the wait is returned.
        """

    def depart(self, host: str, interval_s: float) -> float:
        """Use a turn that has come: 0 to go now, else in how many seconds.

        Who woke up too late for a turn must not be followed at once by who woke up in time.
        """

    def slow_down(self, host: str, seconds: float) -> None:
        """Give nobody a turn at `host` for `seconds` from now; never shortens an earlier slow-down."""

    def held_s(self, host: str) -> float:
        """How much of a slow-down is left, for those who took their turn before it."""


class RedisPacer:
    """Turns shared by every process that uses the same Redis or Valkey."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._reserve = client.register_script(_RESERVE)
        self._depart = client.register_script(_DEPART)
        self._slow_down = client.register_script(_SLOW_DOWN)

    def reserve(self, host: str, interval_s: float, longest_s: float | None = None) -> float:
        longest = -1 if longest_s is None else _ms(longest_s)
        wait = self._reserve(keys=[_key(host, "next"), _key(host, "hold")], args=[_ms(interval_s), longest])
        return float(wait) / 1000

    def depart(self, host: str, interval_s: float) -> float:
        if _ms(interval_s) == 0:
            return 0.0
        return float(self._depart(keys=[_key(host, "gone")], args=[_ms(interval_s)])) / 1000

    def slow_down(self, host: str, seconds: float) -> None:
        if _ms(seconds) > 0:
            self._slow_down(keys=[_key(host, "hold")], args=[_ms(seconds)])

    def held_s(self, host: str) -> float:
        # The key lives exactly as long as the slow-down; a negative answer means that there is none.
        left = self._client.pttl(_key(host, "hold"))
        return max(float(str(left)), 0.0) / 1000


class InProcessPacer:
    """Turns shared by the threads of one process."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}
        self._gone: dict[str, float] = {}
        self._hold: dict[str, float] = {}

    def reserve(self, host: str, interval_s: float, longest_s: float | None = None) -> float:
        with self._lock:
            now = self._clock.monotonic()
            slot = max(now, self._next.get(host, now), self._hold.get(host, now))
            if longest_s is None or slot - now <= longest_s:
                self._next[host] = slot + interval_s
            return slot - now

    def depart(self, host: str, interval_s: float) -> float:
        with self._lock:
            now = self._clock.monotonic()
            left = self._gone.get(host, now) - now
            if left >= _LEAST:
                return left
            self._gone[host] = now + interval_s
            return 0.0

    def slow_down(self, host: str, seconds: float) -> None:
        with self._lock:
            till = self._clock.monotonic() + seconds
            self._hold[host] = max(till, self._hold.get(host, till))

    def held_s(self, host: str) -> float:
        with self._lock:
            now = self._clock.monotonic()
            return max(self._hold.get(host, now) - now, 0.0)


_in_process = InProcessPacer()


def pacer_on(client: Redis | None) -> Pacer:
    """Turns shared through `client`, or, without one, by all threads of this process."""
    return _in_process if client is None else RedisPacer(client)


def _key(host: str, what: str) -> str:
    return _KEY.format(host=host, what=what)


def _ms(seconds: float) -> int:
    return max(round(seconds * 1000), 0)
