"""Measure an extractor and a genre model on labelled posters, and write a report."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from catalog.models import GenreModel
from ml.evaluation.command import add_options, run
from ml.evaluation.errors import EvaluationError
from ml.evaluation.heads import Teller, read_teller
from ml.evaluation.vectors import Places


class Command(BaseCommand):
    help = (
        "Measures a model or a baseline by name on any CSV of labelled posters, and writes report.json and a "
        "page of figures. `active` is the genre model this site has in use, or what comes with Postersite."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        places = Places(
            weights=options["weights"] or settings.WEIGHTS_DIR,
            exports=options["exports"] or settings.EXPORTS_DIR,
            models=options["models"] or settings.MODELS_DIR,
            cache=options["cache"] or settings.VAR_DIR / "evaluation",
        )
        told = ["manage.py", *sys.argv[1:]]
        try:
            self.stdout.write(run(Namespace(**options), places, told, lambda: _active(places)))
        except EvaluationError as error:
            raise CommandError(str(error), returncode=2) from error
        except KeyboardInterrupt as interrupted:
            raise CommandError(
                "Interrupted; vectors that were finished are kept for the next time.", returncode=130
            ) from interrupted


def _active(places: Places) -> Teller | None:
    model = GenreModel.objects.select_related("extractor").filter(state=GenreModel.State.ACTIVE).first()
    if model is None:
        return None
    teller = read_teller(
        Path(places.models) / model.weights_file,
        places.weights,
        extractor=model.extractor.spec,
        sha256=model.weights_sha256,
    )
    teller.facts["note"] = f"The site's {model}."
    return teller
