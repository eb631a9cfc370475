"""Time that passes only while somebody sleeps, for clients and for Redis, so that an hour takes no time."""

import heapq
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any
from unittest import mock

from redis import Redis

_TIME = "redis.call('TIME')"
# Sets the time that scripts read, and shortens what is left of every key.
_ADVANCE = """
redis.call('DEL', 'time')
redis.call('RPUSH', 'time', ARGV[1], ARGV[2])
for _, key in ipairs(redis.call('KEYS', 'postersite:*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 then redis.call('PEXPIRE', key, string.format('%d', left - tonumber(ARGV[3]))) end
end
"""


class _VirtualRedis(Redis):
    """Its scripts read the virtual time instead of the server's."""

    def register_script(self, script: Any) -> Any:
        return super().register_script(script.replace(_TIME, "redis.call('LRANGE', 'time', 0, 1)"))


class VirtualTime:
    """Stands in for the module `time`, on the Redis at `url`, which it empties; `slept` lists the pauses."""

    def __init__(self, url: str) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []
        self.redis: Redis = _VirtualRedis.from_url(url)
        self.redis.flushall()
        self._advance = self.redis.register_script(_ADVANCE)
        self.advance(0)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let clients of catalog.fetching live in this time."""
        with (
            mock.patch("catalog.fetching.client.time", self),
            mock.patch("catalog.fetching.throttle.time", self),
        ):
            yield

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_800_000_000 + self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.now = round(self.now + seconds, 6)
        micros = round(self.now * 1e6)
        self._advance(args=[micros // 1_000_000, micros % 1_000_000, round(seconds * 1000)])


class WorkersTime(VirtualTime):
    """Runs workers as threads, one at a time and in the order of their clock."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._numbers = count()
        self._asleep: list[tuple[float, int, threading.Event]] = []
        self._errors: list[BaseException] = []
        self._oversleep = threading.local()

    @contextmanager
    def oversleeping(self, seconds: float) -> Iterator[None]:
        """Let this worker sleep longer than it means to, as on a busy machine."""
        self._oversleep.seconds = seconds
        try:
            yield
        finally:
            self._oversleep.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        wake = self._fall_asleep(seconds + getattr(self._oversleep, "seconds", 0.0))
        self._wake_next()
        wake.wait()

    def run(self, workers: Sequence[Callable[[], None]]) -> None:
        """Let all workers run until each has returned; raises what one of them raised."""
        threads = [
            threading.Thread(target=self._begin, args=(work, self._fall_asleep(0))) for work in workers
        ]
        for thread in threads:
            thread.start()
        self._wake_next()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _begin(self, work: Callable[[], None], wake: threading.Event) -> None:
        wake.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised by `run`
            self._errors.append(error)
        finally:
            self._wake_next()

    def _fall_asleep(self, seconds: float) -> threading.Event:
        wake = threading.Event()
        heapq.heappush(self._asleep, (self.now + seconds, next(self._numbers), wake))
        return wake

    def _wake_next(self) -> None:
        if self._asleep:
            moment, _, wake = heapq.heappop(self._asleep)
            if moment > self.now:
                self.advance(moment - self.now)
            wake.set()
