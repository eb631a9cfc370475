"""`manage.py evaluate`: measures an extractor and a genre model on labelled posters."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from catalog.embeddings import extractors
from catalog.models import GenreModel
from ml.evaluation import genre_models
from ml.evaluation.command import add_options, run
from ml.evaluation.errors import EvaluationError
from ml.evaluation.vectors import Folders
from ml.labelled_set.listing import LabelledSetError


class Command(BaseCommand):
    help = (
        "Measures a model or a baseline by name on any CSV of labelled posters, and writes report.json and a "
        "page of figures. `active` is the site's active genre model, or the bundled one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        folders = Folders(
            weights=options["weights"] or settings.WEIGHTS_DIR,
            exports=options["exports"] or settings.EXPORTS_DIR,
            models=options["models"] or settings.MODELS_DIR,
            cache=options["cache"] or settings.VAR_DIR / "evaluation",
        )
        command = ["manage.py", *sys.argv[1:]]
        try:
            self.stdout.write(run(Namespace(**options), folders, command, lambda: _active(folders)))
        except (EvaluationError, LabelledSetError) as error:
            raise CommandError(str(error), returncode=2) from error
        except KeyboardInterrupt as interrupted:
            raise CommandError(
                "Interrupted. Finished vectors are cached for the next time.", returncode=130
            ) from interrupted


def _active(folders: Folders) -> genre_models.GenreModel | None:
    model = GenreModel.objects.select_related("extractor").filter(state=GenreModel.State.ACTIVE).first()
    if model is None:
        return None
    trained = genre_models.read_model(
        Path(folders.models) / model.weights_file,
        folders.weights,
        extractor=extractors.spec_of(model.extractor) or model.extractor.spec,
        sha256=model.weights_sha256,
    )
    trained.facts["note"] = f"The site's {model}."
    return trained
