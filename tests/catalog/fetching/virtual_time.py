"""Workers that share a virtual clock: it goes on only when all of them sleep, so an hour takes no time."""

import heapq
import threading
from collections.abc import Callable, Sequence
from itertools import count

from catalog.fetching.clock import Clock


class SharedTime:
    """Runs workers as threads, one at a time and in the order of their clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self._numbers = count()
        self._asleep: list[tuple[float, int, threading.Event]] = []
        self._errors: list[BaseException] = []

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now, wall=lambda: 1_800_000_000 + self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        wake = self._to_bed(seconds)
        self._wake_the_next()
        wake.wait()

    def run(self, workers: Sequence[Callable[[], None]]) -> None:
        """Let all of them work until each has returned; raises what one of them raised."""
        threads = [threading.Thread(target=self._begin, args=(work, self._to_bed(0))) for work in workers]
        for thread in threads:
            thread.start()
        self._wake_the_next()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _begin(self, work: Callable[[], None], wake: threading.Event) -> None:
        wake.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again where it is noticed
            self._errors.append(error)
        finally:
            self._wake_the_next()

    def _to_bed(self, seconds: float) -> threading.Event:
        wake = threading.Event()
        heapq.heappush(self._asleep, (self.now + seconds, next(self._numbers), wake))
        return wake

    def _wake_the_next(self) -> None:
        if self._asleep:
            moment, _, wake = heapq.heappop(self._asleep)
            self.now = max(self.now, moment)
            wake.set()
