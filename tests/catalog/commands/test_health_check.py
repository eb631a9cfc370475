"""`manage.py health_check`, as a container's health check runs it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from kombu.exceptions import OperationalError

from catalog.management.commands import health_check
from postersite.beat import ALIVE_SUFFIX


def test_beat_works_if_it_ticked_in_the_last_minute(tmp_path: Path) -> None:
    schedule = tmp_path / "schedule"
    command = ("health_check", "beat", f"--schedule={schedule}")
    with pytest.raises(CommandError):
        call_command(*command)
    alive = Path(f"{schedule}{ALIVE_SUFFIX}")
    alive.touch()
    call_command(*command)
    for offset in (-health_check.TICKS_WITHIN_S - 5, health_check.TICKS_WITHIN_S + 5):
        os.utime(alive, times=(time.time() + offset,) * 2)
        with pytest.raises(CommandError):
            call_command(*command)


def test_a_worker_works_if_it_answers() -> None:
    with patch.object(health_check, "app") as app, patch.object(health_check, "host_format") as host_format:
        host_format.return_value = "io@here"
        app.control.ping.return_value = [{"io@here": {"ok": "pong"}}]
        call_command("health_check", "worker", "io")
        call_command("health_check", "worker", "ml@there")
        asked = [call.kwargs["destination"] for call in app.control.ping.call_args_list]
        assert asked == [["io@here"], ["ml@there"]]
        app.control.ping.return_value = []
        with pytest.raises(CommandError):
            call_command("health_check", "worker", "io")
        app.control.ping.side_effect = OperationalError
        with pytest.raises(CommandError):
            call_command("health_check", "worker", "io")
