"""Celery beat when the system clock is set back: what is due every few seconds goes on being sent."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from celery import Celery
from celery.schedules import crontab
from django.utils import timezone

from postersite import beat
from postersite.beat import Scheduler

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
    monkeypatch.setattr(beat, "BeatLock", lambda url: Mock(hold=lambda: True, last_sent=dict))

    def scheduler() -> Scheduler:
        app = Celery("test", broker="memory://")
        app.conf.beat_schedule = SCHEDULE
        made = Scheduler(app, schedule_filename=str(tmp_path / "beat"))
        monkeypatch.setattr(made, "apply_entry", lambda entry, producer=None: sent.update([entry.task]))
        return made

    def an_hour(running: Scheduler, clock: time_machine.Traveller) -> Counter[str]:
        sent.clear()
        until = timezone.now() + timedelta(hours=1)
        while timezone.now() < until:
            clock.shift(max(running.tick(), 0.01))
        return Counter(sent)

    with time_machine.travel(timezone.now(), tick=False) as clock:
        running = scheduler()
        before = an_hour(running, clock)
        assert before["sweep"] > 200 and before["duplicates"] > 50 and before["hourly"] == 1
        clock.shift(timedelta(days=-1))
        if restarted:
            running.close()
            running = scheduler()
        after = an_hour(running, clock)
        running.close()
    assert all(abs(after[task] - before[task]) <= 2 for task in SCHEDULE)
