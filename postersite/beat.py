"""A Celery beat scheduler that keeps working when the system clock is set back."""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler


class ClockTolerantScheduler(PersistentScheduler):
    """Sends tasks also after the clock was set back.

    Celery's scheduler would wait until the clock reaches the time at which each task was last sent. Until
    then no run would be recovered.
    """

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Sends the tasks that are due. Returns the seconds until the next one is."""
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > entry.default_now()]
        for entry in ahead:
            entry.last_run_at = entry.default_now()
        if ahead:
            # The heap is ordered by the old clock; without one it is rebuilt.
            self._heap = None
        return float(super().tick(*args, **kwargs))
