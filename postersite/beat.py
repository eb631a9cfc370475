"""The Celery beat scheduler: one sends at a time, and setting the system clock back does not stop it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from celery.beat import PersistentScheduler, ScheduleEntry
from django.conf import settings
from redis import RedisError

from .beat_lock import RENEW_S, BeatLock

log = logging.getLogger(__name__)

# Beside the schedule; its time is that of the last tick (`manage.py health_check beat`).
ALIVE_SUFFIX = ".alive"


class Scheduler(PersistentScheduler):
    """Sends tasks while it has the lock, also after the clock was set back.

    Every machine may run a beat: those without the lock wait, and one of them goes on where the holder
    stopped. After the clock was set back, Celery's scheduler would wait until it reaches the time at which
    each task was last sent. Until then no run would be recovered.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lock = BeatLock(settings.REDIS_URL)
        self._has_lock = False
        # Logged when it changes.
        self._state = ""
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Sends a task that is due, if this beat has the lock. Returns the seconds until the next tick."""
        with suppress(OSError):
            Path(f"{self.schedule_filename}{ALIVE_SUFFIX}").touch()
        if not self._hold_lock():
            return RENEW_S
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > entry.default_now()]
        for entry in ahead:
            entry.last_run_at = entry.default_now()
        if ahead:
            # The heap is ordered by the old clock; without one it is rebuilt.
            self._heap = None
        return min(RENEW_S, float(super().tick(*args, **kwargs)))

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        # First, because a beat that dies before the task is sent does no harm: the next time makes up for it.
        with suppress(RedisError):
            self._lock.record_sent(entry.name, entry.default_now().timestamp())
        super().apply_entry(entry, producer=producer)

    def close(self) -> None:
        if self._has_lock:
            self._lock.release()
        super().close()

    def _hold_lock(self) -> bool:
        try:
            has_lock = self._lock.hold()
            if has_lock and not self._has_lock:
                self._continue_from(self._lock.last_sent())
        except (RedisError, OSError) as error:
            has_lock = False
            state = "The broker does not respond, so no task is sent."
            if state != self._state:
                log.warning("%s (%s)", state, error)
        else:
            state = "This beat sends the tasks." if has_lock else "Another beat sends the tasks."
            if state != self._state:
                log.info(state)
        self._has_lock, self._state = has_lock, state
        return has_lock

    def _continue_from(self, last_sent: Mapping[str, float]) -> None:
        """Takes over when another beat sent the tasks, so that none is sent twice or left out."""
        for name, entry in self.schedule.items():
            if name in last_sent:
                entry.last_run_at = datetime.fromtimestamp(last_sent[name], entry.default_now().tzinfo)
        self._heap = None
