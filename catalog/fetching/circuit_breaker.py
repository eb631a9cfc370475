"""A circuit breaker for each host: a host that keeps failing gets no requests for a while, then one probe.

A closed circuit counts failures in a row. An open one lets nobody through until a time that doubles with each
failed probe. After it, the first request is the probe. Nobody else passes while it has its lease, and a probe
that died with its worker is replaced when the lease ends.
"""

from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from redis import Redis

from .shared_state import NOW, milliseconds

# The state of a host is deleted when nobody has sent it a request for so long.
STORED_S = 3600.0
_LONGEST_REASON = 200  # characters

# A hash of `failures`, `why` (the last one) and, for an open circuit, `opened` (how often in a row), `till`
# and `probe` (its token).
_ENTER = f"""{NOW}
local state = redis.call('HMGET', KEYS[1], 'till', 'failures', 'why')
if not state[1] then return false end
local wait = math.max(tonumber(state[1]) - now, 0)
if wait == 0 and ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], 'probe', ARGV[1], 'till', string.format('%d', now + tonumber(ARGV[2])))
  redis.call('PEXPIRE', KEYS[1], string.format('%d', tonumber(ARGV[2]) + tonumber(ARGV[3])))
end
return {{wait, tonumber(state[2]), state[3]}}
"""
_SUCCESS = """
local state = redis.call('HMGET', KEYS[1], 'opened', 'probe')
if not state[1] then redis.call('DEL', KEYS[1]) return 0 end
if ARGV[1] == '' or state[2] ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""
_FAILURE = f"""{NOW}
local state = redis.call('HMGET', KEYS[1], 'opened', 'probe')
local opened = tonumber(state[1] or '0')
if opened > 0 and (ARGV[1] == '' or state[2] ~= ARGV[1]) then return false end
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
redis.call('HSET', KEYS[1], 'why', ARGV[2])
if opened == 0 and failures < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  return false
end
local open = math.min(tonumber(ARGV[4]) * 2 ^ math.min(opened, 60), tonumber(ARGV[5]))
redis.call('HSET', KEYS[1], 'opened', opened + 1, 'till', string.format('%d', now + open), 'probe', '')
redis.call('PEXPIRE', KEYS[1], string.format('%d', open + tonumber(ARGV[6])))
return {{open, failures, ARGV[2]}}
"""


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """After `failures` in a row the circuit opens for `first_s`, then for twice as long each time, at most
    for `longest_s` (seconds)."""

    failures: int = 5
    first_s: float = 30.0
    longest_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """A host with an open circuit: `failures` in a row, `why` the last one. Wait `wait_s` before a request.

    With a `probe`, a token, its holder may send one request and record its result.
    """

    host: str
    failures: int
    why: str
    wait_s: float
    probe: str = ""

    def __str__(self) -> str:
        times = "once" if self.failures == 1 else f"{self.failures} times in a row"
        return f"{self.host} is failing ({times}, the last time: {self.why})"


class CircuitBreaker:
    """The circuits of all hosts, shared by every process that uses the same Redis."""

    def __init__(self, client: Redis) -> None:
        self._enter = client.register_script(_ENTER)
        self._success = client.register_script(_SUCCESS)
        self._failure = client.register_script(_FAILURE)

    def open_circuit(self, host: str) -> OpenCircuit | None:
        """The open circuit of `host`, None if it is closed; changes nothing."""
        return _open_circuit(host, self._enter(keys=[_key(host)], args=["", 0, 0]))

    def enter(self, host: str, probe_s: float) -> OpenCircuit | None:
        """Request permission to send to `host`: granted when the result is None, or has a `probe`.

        The lease of a probe lasts `probe_s`.
        """
        probe = uuid4().hex
        args: list[str | int] = [probe, milliseconds(probe_s), milliseconds(STORED_S)]
        found = _open_circuit(host, self._enter(keys=[_key(host)], args=args))
        return found if found is None or found.wait_s > 0 else replace(found, probe=probe)

    def record_success(self, host: str, probe: str = "") -> bool:
        """Record that `host` responded. Returns whether this probe has closed its circuit."""
        return bool(self._success(keys=[_key(host)], args=[probe]))

    def record_failure(
        self, host: str, why: str, policy: CircuitPolicy, probe: str = ""
    ) -> OpenCircuit | None:
        """Record that `host` failed. Returns its circuit if this has opened it.

        For an open circuit only results of the probe count: other requests were sent before it opened.
        """
        args: list[str | int] = [probe, why[:_LONGEST_REASON], policy.failures]
        args += [milliseconds(policy.first_s), milliseconds(policy.longest_s), milliseconds(STORED_S)]
        return _open_circuit(host, self._failure(keys=[_key(host)], args=args))


def _open_circuit(host: str, found: Any) -> OpenCircuit | None:
    if found is None:
        return None
    wait, failures, why = found
    text = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
    return OpenCircuit(host, int(failures), text, int(wait) / 1000)


def _key(host: str) -> str:
    return f"postersite:breaker:{{{host}}}"
