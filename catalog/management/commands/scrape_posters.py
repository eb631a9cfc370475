"""`manage.py scrape_posters`: fetches posters of movies without one."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.management.progress import start_run


class Command(BaseCommand):
    help = "Fetches posters of movies without one, from the sources in POSTERSITE_POSTER_SOURCES."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", action="store_true", help="let the workers process it")

    def handle(self, *args: Any, **options: Any) -> None:
        start_run("scrape", self.stdout.write, queue=options["queue"])
