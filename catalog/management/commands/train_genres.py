"""`manage.py train_genres`: trains a genre model on the movies whose genres are known."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.management.progress import start_run
from ml.genres.parts import parse_evidence
from ml.genres.recipes import RECIPES


class Command(BaseCommand):
    help = (
        "Trains a genre model on the movies whose genres are known. It replaces the bundled model at once if "
        "it is better on the same held-out films; later ones wait in the admin to be promoted. The default "
        "recipe takes seconds and starts from the active model: you can run it whenever there are new "
        "decisions."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", action="store_true", help="let the workers process it")
        parser.add_argument(
            "--recipe", choices=sorted(RECIPES), help="default: evidence, or logistic for posters alone"
        )
        parser.add_argument(
            "--evidence",
            metavar="PARTS",
            help="what to learn from: all, or some of poster,title,year,overview (default: "
            "POSTERSITE_GENRE_EVIDENCE)",
        )
        parser.add_argument(
            "--extractor", metavar="SPEC", help="whose vectors to train on (default: the site's)"
        )
        parser.add_argument("--epochs", type=int, help="number of epochs, for recipes that have them")
        parser.add_argument("--seed", type=int, help="random seed, instead of the recipe's")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            parse_evidence(options["evidence"] or "all")
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
        params = {name: options[name] for name in ("recipe", "evidence", "extractor") if options[name]}
        config = {name: options[name] for name in ("epochs", "seed") if options[name] is not None}
        start_run("train", self.stdout.write, queue=options["queue"], params={**params, "config": config})
