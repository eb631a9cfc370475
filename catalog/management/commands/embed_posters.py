"""Embed the posters that lack an embedding."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.management.progress import start_and_work


class Command(BaseCommand):
    help = "Embed the posters that lack an embedding."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", action="store_true", help="leave the work to the workers")
        parser.add_argument(
            "--extractor",
            action="append",
            metavar="SPEC",
            help="e.g. mobilenet_v2, inception_v3:mixed8:avg; may be repeated (default: the site's)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        params = {"extractors": options["extractor"]} if options["extractor"] else {}
        start_and_work("embed", self.stdout.write, queue=options["queue"], params=params)
