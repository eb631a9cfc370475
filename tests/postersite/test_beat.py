"""Celery beat when the system clock is set back: what is due every few seconds goes on being sent."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from celery import Celery
from celery.schedules import crontab
from django.utils import timezone

from postersite.beat import ClockTolerantScheduler

SCHEDULE: dict[str, dict[str, Any]] = {
    "sweep": {"task": "sweep", "schedule": 15},
    "duplicates": {"task": "duplicates", "schedule": 60},
    "hourly": {"task": "hourly", "schedule": crontab(minute="0")},
}


@pytest.mark.parametrize("restarted", [False, True])
def test_every_task_is_sent_as_often_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    sent: Counter[str] = Counter()

    def scheduler() -> ClockTolerantScheduler:
        app = Celery("test", broker="memory://")
        app.conf.beat_schedule = SCHEDULE
        made = ClockTolerantScheduler(app, schedule_filename=str(tmp_path / "beat"))
        monkeypatch.setattr(made, "apply_entry", lambda entry, producer=None: sent.update([entry.task]))
        return made

    def an_hour(beat: ClockTolerantScheduler, clock: time_machine.Traveller) -> Counter[str]:
        sent.clear()
        until = timezone.now() + timedelta(hours=1)
        while timezone.now() < until:
            clock.shift(max(beat.tick(), 0.01))
        return Counter(sent)

    with time_machine.travel(timezone.now(), tick=False) as clock:
        beat = scheduler()
        before = an_hour(beat, clock)
        assert before["sweep"] > 200 and before["duplicates"] > 50 and before["hourly"] == 1
        clock.shift(timedelta(days=-1))
        if restarted:
            beat.close()
            beat = scheduler()
        after = an_hour(beat, clock)
        beat.close()
    assert all(abs(after[task] - before[task]) <= 2 for task in SCHEDULE)
