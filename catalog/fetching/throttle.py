"""Throttle requests to a host: limit their rate and concurrency, and send none while its circuit is open.

All workers share the state in Redis. A killed worker blocks nobody: what it held are leases, and they end.
"""

import contextlib
import logging
import random
import time
from types import TracebackType
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

from .circuit_breaker import CircuitBreaker, OpenCircuit
from .errors import DeadlineExceeded, FetchError, Refused, ServerError, TryLater
from .guard import host_key
from .policy import FetchPolicy
from .shared_state import EXPIRY_MARGIN_MS, NOW, milliseconds

log = logging.getLogger(__name__)

# The share of its deadline for which a request may wait. The rest is for the response.
_SHARE_FOR_WAITING = 2 / 3
_POLL_S = (0.05, 0.25)
_LEASE_MARGIN_S = 1.0  # a lease outlives its request, never the other way round

# The hash tag in a key puts all keys of a host on one node of a cluster.
_RESERVE = f"""{NOW}
local next_start = tonumber(redis.call('GET', KEYS[1]) or '0')
local paused_until = tonumber(redis.call('GET', KEYS[2]) or '0')
local start = math.max(now, next_start, paused_until)
local wait = start - now
local interval, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
if wait > longest then return wait end
local expiry = string.format('%d', wait + interval + {EXPIRY_MARGIN_MS})
redis.call('SET', KEYS[1], string.format('%d', start + interval), 'PX', expiry)
return wait
"""
_START = f"""{NOW}
if tonumber(redis.call('GET', KEYS[2]) or '0') > now then return -1 end
local earliest = tonumber(redis.call('GET', KEYS[1]) or '0')
if earliest > now then return earliest - now end
local interval = tonumber(ARGV[1])
local expiry = string.format('%d', interval + {EXPIRY_MARGIN_MS})
redis.call('SET', KEYS[1], string.format('%d', now + interval), 'PX', expiry)
return 0
"""
_PAUSE = f"""{NOW}
local till = now + tonumber(ARGV[1])
if till > tonumber(redis.call('GET', KEYS[1]) or '0') then
  local expiry = string.format('%d', tonumber(ARGV[1]) + {EXPIRY_MARGIN_MS})
  redis.call('SET', KEYS[1], string.format('%d', till), 'PX', expiry)
end
return 0
"""
# A sorted set of tokens by the time at which their leases end.
_ACQUIRE = f"""{NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', now))
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return math.max(tonumber(redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]) - now, 1)
end
redis.call('ZADD', KEYS[1], string.format('%d', now + tonumber(ARGV[3])), ARGV[1])
local expiry = tonumber(ARGV[3]) + {EXPIRY_MARGIN_MS}
if redis.call('PTTL', KEYS[1]) < expiry then redis.call('PEXPIRE', KEYS[1], string.format('%d', expiry)) end
return 0
"""


class RateLimiter:
    """How often each host gets a request. Seconds everywhere."""

    def __init__(self, client: Redis) -> None:
        self._reserve = client.register_script(_RESERVE)
        self._start = client.register_script(_START)
        self._pause = client.register_script(_PAUSE)

    def reserve(self, host: str, interval_s: float, longest_s: float) -> float:
        """Reserve the next start of a request, `interval_s` after the last one; returns the time until then.

        If that is longer than `longest_s`, nothing is reserved.
        """
        keys = [_pace_key(host, "next"), _pace_key(host, "hold")]
        args = [milliseconds(interval_s), milliseconds(longest_s)]
        return float(self._reserve(keys=keys, args=args)) / 1000

    def start(self, host: str, interval_s: float) -> float | None:
        """Start the request when its reserved time has come: 0 to send it now, else for how long to wait.

        A worker that woke up late may not be followed at once by one that woke up in time. Returns None if
        the host was paused since the reservation: reserve again.
        """
        keys = [_pace_key(host, "gone"), _pace_key(host, "hold")]
        wait = float(self._start(keys=keys, args=[milliseconds(interval_s)])) / 1000
        return wait if wait >= 0 else None

    def pause(self, host: str, seconds: float) -> None:
        """Let nobody start a request to `host` for `seconds`; never shortens an earlier pause."""
        if milliseconds(seconds) > 0:
            self._pause(keys=[_pace_key(host, "hold")], args=[milliseconds(seconds)])


class ConcurrencyLimiter:
    """How many requests each host gets at once. Seconds everywhere."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._acquire = client.register_script(_ACQUIRE)

    def acquire(self, host: str, token: str, limit: int, lease_s: float) -> float:
        """Acquire one of `limit` slots at `host` for at most `lease_s`; returns 0 on success.

        Otherwise returns after how many seconds, at the latest, a slot is free again.
        """
        args: list[str | int] = [token, limit, max(milliseconds(lease_s), 1)]
        return float(self._acquire(keys=[_slots_key(host)], args=args)) / 1000

    def release(self, host: str, token: str) -> None:
        """Release the slot of `token`; harmless if its lease has ended."""
        self._client.zrem(_slots_key(host), token)


class Permit:
    """Permission to send one request. `with permit:` around it releases its slot and records the result.

    With `is_probe` the request finds out for all workers whether a failing host responds again.
    """

    def __init__(self, throttle: "Throttle", host: str, slot: str, probe: str) -> None:
        self._throttle, self._host, self._slot, self._probe = throttle, host, slot, probe

    @property
    def is_probe(self) -> bool:
        return bool(self._probe)

    def __enter__(self) -> "Permit":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A good response is not discarded because Redis is gone: slot and probe end by themselves.
        with contextlib.suppress(RedisError):
            self._throttle.release(self._host, self._slot, self._probe, error)


class Throttle:
    """Grants permits by one policy, on state that all workers share through `client`."""

    def __init__(self, policy: FetchPolicy, client: Redis) -> None:
        self._policy = policy
        self._rate = RateLimiter(client)
        self._slots = ConcurrencyLimiter(client)
        self._breaker = CircuitBreaker(client)

    def check_circuit(self, url: str, host: str) -> None:
        """Raise TryLater if `host`, needed for `url`, is failing and must get no request now."""
        if (circuit := self._breaker.open_circuit(host)) is not None and circuit.wait_s > 0:
            raise _failing(url, circuit)

    def last_start(self, deadline: float) -> float:
        """Until when a request with this deadline may wait for its permit."""
        return deadline - self._policy.deadline_s * (1 - _SHARE_FOR_WAITING)

    def acquire(self, url: str, interval_s: float, deadline: float) -> Permit:
        """Wait until the host of `url` may get a request, `interval_s` or a little more after the last one.

        `deadline` is on the clock time.monotonic. Raises TryLater if the host is failing or the wait would be
        too long, DeadlineExceeded if no time is left.
        """
        host = host_key(url)
        self.check_circuit(url, host)
        # The slot first: requests that wait for slots with a reserved start would all start at once when
        # slots are released.
        slot = self._acquire_slot(url, host, deadline)
        try:
            self._wait_for_start(url, host, interval_s, deadline)
            circuit = self._breaker.enter(host, _remaining(deadline) + _LEASE_MARGIN_S)
            if circuit is not None and not circuit.probe:
                raise _failing(url, circuit)
        except BaseException:
            with contextlib.suppress(RedisError):
                self._slots.release(host, slot)
            raise
        return Permit(self, host, slot, circuit.probe if circuit else "")

    def pause(self, url: str, seconds: float) -> None:
        """Grant no permit for the host of `url` for so long."""
        self._rate.pause(host_key(url), seconds)

    def release(self, host: str, slot: str, probe: str, error: BaseException | None) -> None:
        """Release the slot of a request that ended with `error`, and record its result."""
        try:
            if isinstance(error, DeadlineExceeded | ServerError) and _is_failure_of_host(error):
                why = error.what.partition(";")[0] if error.status is None else f"status {error.status}"
                opened = self._breaker.record_failure(host, why, self._policy.circuit, probe)
                if opened is not None:
                    log.warning("%s. It gets no requests for %.0f s.", opened, opened.wait_s)
            elif _is_response(error) and self._breaker.record_success(host, probe):
                log.warning("%s responds again.", host)
        finally:
            self._slots.release(host, slot)

    def _acquire_slot(self, url: str, host: str, deadline: float) -> str:
        token = uuid4().hex
        limit = self._policy.max_at_once
        while wait := self._slots.acquire(host, token, limit, _remaining(deadline) + _LEASE_MARGIN_S):
            pause = min(random.uniform(*_POLL_S), wait)  # noqa: S311 - jitter, no secret
            if time.monotonic() + pause > self.last_start(deadline):
                raise TryLater(
                    url,
                    f"its host has {limit} requests already, the most at once; try again in {wait:.0f} s",
                    retry_after_s=wait,
                )
            time.sleep(pause)
        return token

    def _wait_for_start(self, url: str, host: str, interval_s: float, deadline: float) -> None:
        while True:
            if _remaining(deadline) <= 0:
                raise deadline_exceeded(url, self._policy)
            longest = max(self.last_start(deadline) - time.monotonic(), 0.0)
            # Jitter only lengthens it: the site's limit is a limit, and a crawl-delay a minimum.
            interval = interval_s * random.uniform(1, 1 + self._policy.jitter)  # noqa: S311 - no secret
            wait = self._rate.reserve(host, interval, longest)
            if wait > longest:
                raise TryLater(
                    url, f"its host may get a request in {wait:.0f} s; try again then", retry_after_s=wait
                )
            if wait > 0:
                time.sleep(wait)
            if self._start(host, interval_s, deadline):
                return

    def _start(self, host: str, interval_s: float, deadline: float) -> bool:
        """Whether the request may start now; False if another start must be reserved."""
        while wait := self._rate.start(host, interval_s):
            if time.monotonic() + wait > self.last_start(deadline):
                return False
            time.sleep(wait)
        return wait is not None


def deadline_exceeded(url: str, policy: FetchPolicy) -> DeadlineExceeded:
    return DeadlineExceeded(url, f"no response within {policy.deadline_s:g} s; try again later")


def _remaining(deadline: float) -> float:
    return deadline - time.monotonic()


def _is_failure_of_host(error: DeadlineExceeded | ServerError) -> bool:
    """No connection, no response in time, or a 5xx; other statuses are responses about the address."""
    return error.status is None or error.status >= 500


def _is_response(error: BaseException | None) -> bool:
    """Whether the host responded, even if with an error. Refused means that no request was sent."""
    return error is None or (isinstance(error, FetchError) and not isinstance(error, Refused))


def _failing(url: str, circuit: OpenCircuit) -> TryLater:
    return TryLater(
        url,
        f"{circuit}; it gets no requests for another {circuit.wait_s:.0f} s",
        retry_after_s=circuit.wait_s,
    )


def _pace_key(host: str, name: str) -> str:
    return f"postersite:pace:{{{host}}}:{name}"


def _slots_key(host: str) -> str:
    return f"postersite:slots:{{{host}}}"
