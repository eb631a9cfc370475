"""A circuit breaker a host: one that keeps failing is left alone, then asked once whether it is well.

Closed, the circuit counts failures in a row. Open, nobody is let through before a moment that lies further
off each time. After it the first who comes is let through as the probe, which moves that moment on by as long
as a probe may take: nobody else passes meanwhile, and a probe that dies with its worker is replaced.
"""

import threading
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import uuid4

from redis import Redis

from .clock import Clock

# What is known of a host is forgotten when nobody has asked it for so long.
REMEMBERED_S = 3600.0
_LONGEST_REASON = 200  # characters

# Time is the server's own, as in pacing.py; a hash of `failures`, `why` and, once open, `opened` (how often
# in a row), `till` and `probe` (the token of whoever was let through).
_NOW = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
"""
_ENTER = (
    _NOW
    + """
local known = redis.call('HMGET', KEYS[1], 'till', 'failures', 'why')
if not known[1] then return false end
local wait = math.max(tonumber(known[1]) - now, 0)
if wait == 0 and ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], 'probe', ARGV[1], 'till', string.format('%d', now + tonumber(ARGV[2])))
  redis.call('PEXPIRE', KEYS[1], string.format('%d', tonumber(ARGV[2]) + tonumber(ARGV[3])))
end
return {wait, tonumber(known[2]), known[3]}
"""
)
_ANSWERED = """
local known = redis.call('HMGET', KEYS[1], 'opened', 'probe')
if not known[1] then redis.call('DEL', KEYS[1]) return 0 end
if ARGV[1] == '' or known[2] ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""
_FAILED = (
    _NOW
    + """
local known = redis.call('HMGET', KEYS[1], 'opened', 'probe')
local opened = tonumber(known[1] or '0')
if opened > 0 and (ARGV[1] == '' or known[2] ~= ARGV[1]) then return false end
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
redis.call('HSET', KEYS[1], 'why', ARGV[2])
if opened == 0 and failures < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  return false
end
local open = math.min(tonumber(ARGV[4]) * 2 ^ math.min(opened, 60), tonumber(ARGV[5]))
redis.call('HSET', KEYS[1], 'opened', opened + 1, 'till', string.format('%d', now + open), 'probe', '')
redis.call('PEXPIRE', KEYS[1], string.format('%d', open + tonumber(ARGV[6])))
return {open, failures, ARGV[2]}
"""
)


@dataclass(frozen=True, slots=True)
class Patience:
    """After `failures` in a row a host is left alone for `first_s`, then twice as long each time, at most
    `longest_s` (seconds)."""

    failures: int = 5
    first_s: float = 30.0
    longest_s: float = 1800.0

    def open_s(self, opened: int) -> float:
        """How long the circuit stays open after it was opened `opened` times in a row already."""
        return min(self.first_s * 2.0 ** min(opened, 60), self.longest_s)


@dataclass(frozen=True, slots=True)
class Failing:
    """A host whose circuit is not closed: `failures` in a row, `why` the last. Not to be asked for `wait_s`.

    With `probe`, a token, its holder asks the host for everyone and tells what came of it.
    """

    host: str
    failures: int
    why: str
    wait_s: float
    probe: str = ""

    def __str__(self) -> str:
        times = "once" if self.failures == 1 else f"{self.failures} times in a row"
        return f"{self.host} is failing ({times}, the last time: {self.why})"


class Breaker(Protocol):
    """The circuits of all hosts. Seconds everywhere; a host is `host` or `host:port`."""

    def look(self, host: str) -> Failing | None:
        """What is wrong with `host`, None when nothing is; changes nothing."""

    def enter(self, host: str, probe_s: float) -> Failing | None:
        """Ask to be let through to `host`: granted when there is no answer, or one with a `probe`.

        The probe is nobody else's for `probe_s`.
        """

    def answered(self, host: str, probe: str = "") -> bool:
        """Tell that `host` answered; True when this probe has closed its circuit."""

    def failed(self, host: str, why: str, patience: Patience, probe: str = "") -> Failing | None:
        """Tell that `host` failed; what is wrong with it when that has opened its circuit.

        Of an open circuit only the probe's news count: the others asked before it was opened.
        """


class RedisBreaker:
    """Circuits shared by every process that uses the same Redis or Valkey."""

    def __init__(self, client: Redis) -> None:
        self._enter = client.register_script(_ENTER)
        self._answered = client.register_script(_ANSWERED)
        self._failed = client.register_script(_FAILED)

    def look(self, host: str) -> Failing | None:
        return _failing(host, self._enter(keys=[_key(host)], args=["", 0, 0]))

    def enter(self, host: str, probe_s: float) -> Failing | None:
        probe = uuid4().hex
        found = _failing(host, self._enter(keys=[_key(host)], args=[probe, _ms(probe_s), _ms(REMEMBERED_S)]))
        return found if found is None or found.wait_s > 0 else replace(found, probe=probe)

    def answered(self, host: str, probe: str = "") -> bool:
        return bool(self._answered(keys=[_key(host)], args=[probe]))

    def failed(self, host: str, why: str, patience: Patience, probe: str = "") -> Failing | None:
        told: list[str | int] = [probe, why[:_LONGEST_REASON], patience.failures]
        told += [_ms(patience.first_s), _ms(patience.longest_s), _ms(REMEMBERED_S)]
        return _failing(host, self._failed(keys=[_key(host)], args=told))


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    why: str = ""
    opened: int = 0
    till: float = 0.0
    probe: str = ""
    forgotten_at: float = 0.0


class InProcessBreaker:
    """Circuits shared by the threads of one process."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._circuits: dict[str, _Circuit] = {}

    def look(self, host: str) -> Failing | None:
        with self._lock:
            return self._found(host, self._clock.monotonic())

    def enter(self, host: str, probe_s: float) -> Failing | None:
        with self._lock:
            now = self._clock.monotonic()
            found = self._found(host, now)
            if found is None or found.wait_s > 0:
                return found
            circuit = self._circuits[host]
            circuit.probe, circuit.till = uuid4().hex, now + probe_s
            circuit.forgotten_at = circuit.till + REMEMBERED_S
            return replace(found, probe=circuit.probe)

    def answered(self, host: str, probe: str = "") -> bool:
        with self._lock:
            circuit = self._remembered(host, self._clock.monotonic())
            if circuit.opened and not (probe and circuit.probe == probe):
                return False
            self._circuits.pop(host, None)
            return bool(circuit.opened)

    def failed(self, host: str, why: str, patience: Patience, probe: str = "") -> Failing | None:
        with self._lock:
            now = self._clock.monotonic()
            circuit = self._remembered(host, now)
            if circuit.opened and not (probe and circuit.probe == probe):
                return None
            circuit.failures, circuit.why = circuit.failures + 1, why[:_LONGEST_REASON]
            circuit.forgotten_at = now + REMEMBERED_S
            self._circuits[host] = circuit
            if not circuit.opened and circuit.failures < patience.failures:
                return None
            circuit.till = now + patience.open_s(circuit.opened)
            circuit.forgotten_at = circuit.till + REMEMBERED_S
            circuit.opened, circuit.probe = circuit.opened + 1, ""
            return self._found(host, now)

    def _found(self, host: str, now: float) -> Failing | None:
        circuit = self._remembered(host, now)
        if not circuit.opened:
            return None
        return Failing(host, circuit.failures, circuit.why, max(circuit.till - now, 0.0))

    def _remembered(self, host: str, now: float) -> _Circuit:
        circuit = self._circuits.get(host)
        return circuit if circuit is not None and now < circuit.forgotten_at else _Circuit()


_in_process = InProcessBreaker()


def breaker_on(client: Redis | None) -> Breaker:
    """Circuits shared through `client`, or, without one, by all threads of this process."""
    return _in_process if client is None else RedisBreaker(client)


def _failing(host: str, found: Any) -> Failing | None:
    if found is None:
        return None
    wait, failures, why = found
    text = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
    return Failing(host, int(failures), text, int(wait) / 1000)


def _key(host: str) -> str:
    return f"postersite:breaker:{{{host}}}"


def _ms(seconds: float) -> int:
    return max(round(seconds * 1000), 0)
