"""When a host may be asked: not while it is failing, not by too many at once, and not too often."""

import contextlib
import logging
import random
from types import TracebackType
from uuid import uuid4

from redis.exceptions import RedisError

from .circuit_breaker import Breaker, Failing
from .clock import Clock
from .errors import Deadline, FetchError, Refused, ServerTrouble, TryLater
from .guard import host_key
from .pacing import Pacer
from .policy import FetchPolicy
from .slots import Slots

log = logging.getLogger(__name__)

_HELD = 0.05  # seconds; less of a slow-down left than this is rounding
# Waiting may use up so much of the deadline; the rest is for the answer. Who has no turn by then comes back
# later, which is better than to ask and have no time to listen.
_SHARE_FOR_WAITING = 2 / 3
_LOOK_AGAIN_S = (0.05, 0.25)
_SPARE_S = 1.0  # a lease outlives its request, never the other way round


class Turn:
    """Leave to ask one host once; `with turn:` around the request gives back its slot and tells how it went.

    With `is_probe` the request finds out for everyone whether a failing host is well again.
    """

    def __init__(self, gate: "Gate", host: str, slot: str, probe: str) -> None:
        self._gate, self._host, self._slot, self._probe = gate, host, slot, probe

    @property
    def is_probe(self) -> bool:
        return bool(self._probe)

    def __enter__(self) -> "Turn":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A good answer is not lost because it cannot be told of: the slot and the probe end by themselves.
        with contextlib.suppress(RedisError):
            self._gate.end(self._host, self._slot, self._probe, error)


class Gate:
    """Gives out turns by one policy. `pacer`, `slots` and `breaker` are what all workers share."""

    def __init__(
        self, policy: FetchPolicy, pacer: Pacer, slots: Slots, breaker: Breaker, clock: Clock
    ) -> None:
        self._policy = policy
        self._pacer = pacer
        self._slots = slots
        self._breaker = breaker
        self._clock = clock

    def check(self, url: str, host: str) -> None:
        """Raise TryLater when `host`, needed for `url`, is failing and not to be asked now."""
        if (found := self._breaker.look(host)) is not None and found.wait_s > 0:
            raise _left_alone(url, found)

    def last_call(self, deadline: float) -> float:
        """Until when a request that must be answered before `deadline` may wait for its turn."""
        return deadline - self._policy.deadline_s * (1 - _SHARE_FOR_WAITING)

    def take_turn(self, url: str, interval_s: float, deadline: float) -> Turn:
        """Wait until the host of `url` may be asked, `interval_s` or a little more after the last time.

        Raises TryLater when it is failing or the wait would be too long, Deadline when time is over.
        """
        host = host_key(url)
        self.check(url, host)
        # The slot first: turns that waited for slots would be used all at once when those come free.
        slot = self._take_slot(url, host, deadline)
        try:
            self._wait_for_turn(url, host, interval_s, deadline)
            found = self._breaker.enter(host, self._left(deadline) + _SPARE_S)
            if found is not None and not found.probe:
                raise _left_alone(url, found)
        except BaseException:
            with contextlib.suppress(RedisError):
                self._slots.give_back(host, slot)
            raise
        return Turn(self, host, slot, found.probe if found else "")

    def slow_down(self, url: str, seconds: float) -> None:
        """Give nobody a turn at the host of `url` for so long."""
        self._pacer.slow_down(host_key(url), seconds)

    def end(self, host: str, slot: str, probe: str, error: BaseException | None) -> None:
        """Give back the slot of a request that ended with `error`, and tell the breaker of it."""
        try:
            if isinstance(error, Deadline | ServerTrouble) and _is_of_the_host(error):
                why = error.what.partition(";")[0] if error.status is None else f"status {error.status}"
                opened = self._breaker.failed(host, why, self._policy.patience, probe)
                if opened is not None:
                    log.warning("%s. Nobody asks it for %.0f s.", opened, opened.wait_s)
            elif _is_an_answer(error) and self._breaker.answered(host, probe):
                log.warning("%s answers again.", host)
        finally:
            self._slots.give_back(host, slot)

    def _take_slot(self, url: str, host: str, deadline: float) -> str:
        token = uuid4().hex
        most = self._policy.max_at_once
        while wait := self._slots.take(host, token, most, self._left(deadline) + _SPARE_S):
            pause = min(random.uniform(*_LOOK_AGAIN_S), wait)  # noqa: S311 - jitter, no secret
            if self._clock.monotonic() + pause > self.last_call(deadline):
                raise TryLater(
                    url,
                    f"its host answers {most} requests already, the most at once; come back in {wait:.0f} s",
                    retry_after_s=wait,
                )
            self._clock.sleep(pause)
        return token

    def _wait_for_turn(self, url: str, host: str, interval_s: float, deadline: float) -> None:
        while True:
            if self._left(deadline) <= 0:
                raise too_late(url, self._policy)
            longest = max(self.last_call(deadline) - self._clock.monotonic(), 0.0)
            # Only ever longer: the site's limit is a limit, and a crawl-delay the least.
            interval = interval_s * random.uniform(1, 1 + self._policy.jitter)  # noqa: S311 - no secret
            wait = self._pacer.reserve(host, interval, longest_s=longest)
            if wait > longest:
                raise TryLater(
                    url, f"its host may be asked again in {wait:.0f} s; come back then", retry_after_s=wait
                )
            if wait > 0:
                self._clock.sleep(wait)
            if self._departs(host, interval_s, deadline):
                return

    def _departs(self, host: str, interval_s: float, deadline: float) -> bool:
        """Whether the turn was used; else another is to be taken."""
        while self._pacer.held_s(host) < _HELD:
            wait = self._pacer.depart(host, interval_s)
            if not wait:
                return True
            if self._clock.monotonic() + wait > self.last_call(deadline):
                return False
            self._clock.sleep(wait)
        return False

    def _left(self, deadline: float) -> float:
        return deadline - self._clock.monotonic()


def too_late(url: str, policy: FetchPolicy) -> Deadline:
    return Deadline(url, f"no answer within {policy.deadline_s:g} s; try again later")


def _is_of_the_host(error: Deadline | ServerTrouble) -> bool:
    """No connection, no answer in time, or a 5xx; other statuses are answers about the address."""
    return error.status is None or error.status >= 500


def _is_an_answer(error: BaseException | None) -> bool:
    """Whether the host said something, if not what was hoped for; Refused says that it was never asked."""
    return error is None or (isinstance(error, FetchError) and not isinstance(error, Refused))


def _left_alone(url: str, found: Failing) -> TryLater:
    return TryLater(
        url, f"{found}; it is left alone for another {found.wait_s:.0f} s", retry_after_s=found.wait_s
    )
