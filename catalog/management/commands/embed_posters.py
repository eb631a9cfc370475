"""`manage.py embed_posters`: embeds posters that are not embedded yet."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.management.progress import start_run


class Command(BaseCommand):
    help = "Embeds posters that are not embedded yet by the site's extractors."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", action="store_true", help="let the workers process it")
        parser.add_argument(
            "--extractor",
            action="append",
            metavar="SPEC",
            help="such as inception_v3:mixed8:avg; can be given several times (default: the site's)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        params = {"extractors": options["extractor"]} if options["extractor"] else {}
        start_run("embed", self.stdout.write, queue=options["queue"], params=params)
