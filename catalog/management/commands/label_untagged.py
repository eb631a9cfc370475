"""Suggest genres for movies that have none, with the active genre model."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.management.progress import start_and_work


class Command(BaseCommand):
    help = "Suggest genres for movies that have none, with the active genre model."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", action="store_true", help="leave the work to the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        start_and_work("label", self.stdout.write, queue=options["queue"])
