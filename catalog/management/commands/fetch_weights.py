"""Download weights of extractors."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ml.extractors.registry import UnknownExtractor
from ml.extractors.weights import WeightsUnavailable, fetch_weights


class Command(BaseCommand):
    help = (
        "Downloads weights: mobilenet_v2, inception_v3, or tfhub:HANDLE. They are stored in the folder "
        "POSTERSITE_WEIGHTS (default: var/weights)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="+", metavar="NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        failed = []
        for name in options["names"]:
            self.stdout.write(f"Fetching {name} ...")
            try:
                path = fetch_weights(name, settings.WEIGHTS_DIR)
            except (WeightsUnavailable, UnknownExtractor) as error:
                failed.append(str(error))
            except OSError as error:
                reason = error.strerror or error
                failed.append(f"{name} cannot be stored in {settings.WEIGHTS_DIR}: {reason}.")
            else:
                self.stdout.write(f"{name} is at {path}.")
        if failed:
            raise CommandError("\n".join(failed))
        self.stdout.write(
            "To embed posters with it, add it to POSTERSITE_EXTRACTORS, or run "
            f"`manage.py embed_posters --extractor {options['names'][0]}`."
        )
