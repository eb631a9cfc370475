"""`manage.py train_genres`: trains a genre model on the movies whose genres are known."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.genres.training import DEFAULT_RECIPE
from catalog.management.progress import start_run
from ml.genres.recipes import RECIPES


class Command(BaseCommand):
    help = (
        "Trains a genre model on the movies whose genres are known. It replaces the bundled model at once if "
        "it is better on the same held-out posters; later ones wait in the admin to be promoted. The default "
        "recipe takes seconds and starts from the active model: you can run it whenever there are new "
        "decisions."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", action="store_true", help="let the workers process it")
        parser.add_argument(
            "--recipe", choices=sorted(RECIPES), default=DEFAULT_RECIPE, help="default: %(default)s"
        )
        parser.add_argument(
            "--extractor", metavar="SPEC", help="whose vectors to train on (default: the site's)"
        )
        parser.add_argument("--epochs", type=int, help="number of epochs, for recipes that have them")
        parser.add_argument("--seed", type=int, help="random seed, instead of the recipe's")

    def handle(self, *args: Any, **options: Any) -> None:
        params = {name: options[name] for name in ("recipe", "extractor") if options[name]}
        config = {name: options[name] for name in ("epochs", "seed") if options[name] is not None}
        start_run("train", self.stdout.write, queue=options["queue"], params={**params, "config": config})
