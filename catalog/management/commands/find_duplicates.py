"""Find movies that show the same picture, among posters that were not compared yet or all of them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.duplicates import groups
from catalog.management.progress import start_run
from catalog.models import Movie


class Command(BaseCommand):
    help = (
        "Compares posters that were not compared yet with all others. Movies that show the same picture are "
        "listed in the admin under Duplicates, to be merged or kept apart."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", action="store_true", help="let the workers process it")
        parser.add_argument("--all", action="store_true", help="compare every poster again")

    def handle(self, *args: Any, **options: Any) -> None:
        movies = Movie.objects.all() if options["all"] else None
        start_run("duplicates", self.stdout.write, queue=options["queue"], movies=movies)
        count = groups.open_groups().count()
        self.stdout.write(f"{count} open group{'' if count == 1 else 's'} of duplicates in the admin.")
