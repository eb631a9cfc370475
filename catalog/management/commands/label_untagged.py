"""`manage.py label_untagged`: suggests genres for movies without genres."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.management.progress import start_run


class Command(BaseCommand):
    help = "Suggests genres for movies without genres, with the active genre model."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", action="store_true", help="let the workers process it")

    def handle(self, *args: Any, **options: Any) -> None:
        start_run("label", self.stdout.write, queue=options["queue"])
