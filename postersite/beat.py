"""Celery beat that goes on when the system clock is set back."""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler


class ClockTolerantScheduler(PersistentScheduler):
    """Celery's own scheduler waits until the clock has caught up with the last time each task was sent.

    That would stop the sweep, and with it the recovery of runs, for as long as the clock went back.
    """

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; returns the seconds until the next task is."""
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > entry.default_now()]
        for entry in ahead:
            entry.last_run_at = entry.default_now()
        if ahead:
            # The heap is ordered by the old clock; without one it is built anew.
            self._heap = None
        return float(super().tick(*args, **kwargs))
