"""`manage.py health_check`: whether a worker or the beat of this machine works, as an exit status."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from celery.utils.nodenames import host_format
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from postersite.beat import ALIVE_SUFFIX
from postersite.celery import app

ANSWERS_WITHIN_S = 5.0
# Beat ticks every few seconds, unless it waits for a broker that does not respond.
TICKS_WITHIN_S = 60.0


class Command(BaseCommand):
    help = "Exits with 0 if the worker or beat of this machine or container works, with 1 if not."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
        worker = parts.add_parser("worker", help="whether the worker answers, through the broker")
        worker.add_argument("name", help="as in its --hostname: io for io@%%h, or io@HOST")
        beat = parts.add_parser("beat", help="whether beat is running, with or without the lock")
        beat.add_argument("--schedule", default=settings.CELERY_BEAT_SCHEDULE_FILENAME, help="as for beat")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["part"] == "worker":
            check_worker(options["name"])
        else:
            check_beat(Path(options["schedule"]))


def check_worker(name: str) -> None:
    """Raises CommandError unless the worker answers. It also answers while all its processes are busy."""
    node = name if "@" in name else host_format(f"{name}@%h")
    try:
        with app.connection_for_write() as link:
            link.ensure_connection(max_retries=1, timeout=ANSWERS_WITHIN_S)
            answers = app.control.ping(destination=[node], timeout=ANSWERS_WITHIN_S, limit=1, connection=link)
    except Exception as error:
        # kombu raises errors of its transport
        raise CommandError(f"The broker does not respond: {error}") from error
    if not answers:
        raise CommandError(f"The worker {node} does not answer.")


def check_beat(schedule: Path) -> None:
    """Raises CommandError unless the beat with this schedule file ticked in the last minute."""
    try:
        ago = abs(time.time() - Path(f"{schedule}{ALIVE_SUFFIX}").stat().st_mtime)
    except OSError as error:
        raise CommandError(f"No beat uses the schedule {schedule}: {error.strerror}") from error
    if ago > TICKS_WITHIN_S:
        raise CommandError(f"Beat last ticked {ago:.0f} seconds ago.")
