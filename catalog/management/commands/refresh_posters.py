"""Ask the sources whether the posters they showed have changed, and take over what has."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.management.progress import start_and_work
from catalog.models import Movie


class Command(BaseCommand):
    help = (
        "Asks the switched-on sources whether the posters that they showed have changed: those not "
        "asked about for longer than POSTERSITE_REFRESH_AFTER_DAYS, or all. An unchanged poster costs one "
        "short answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="also those that were asked about of late")
        parser.add_argument("--queue", action="store_true", help="leave the work to the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = {"movies": Movie.objects.filter(posters__isnull=False)} if options["all"] else {}
        start_and_work("refresh", self.stdout.write, queue=options["queue"], **chosen)
