"""`manage.py refresh_posters`: checks at the sources whether posters have changed."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.management.progress import start_run
from catalog.models import Movie


class Command(BaseCommand):
    help = (
        "Checks at the enabled sources whether posters have changed, and fetches those that have. Without "
        "--all, only posters that were not checked for POSTERSITE_REFRESH_AFTER_DAYS."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--all", action="store_true", help="also check posters that were checked recently"
        )
        parser.add_argument("--queue", action="store_true", help="let the workers process it")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = {"movies": Movie.objects.filter(posters__isnull=False)} if options["all"] else {}
        start_run("refresh", self.stdout.write, queue=options["queue"], **chosen)
