"""Plot a query image and its nearest neighbours by each extractor, for any folder of images."""

from __future__ import annotations

from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.similarity import comparison
from catalog.titles.formats import folder
from catalog.titles.formats.records import SourceError, TitleRecord
from ml.extractors.registry import UnknownExtractor
from ml.extractors.runtime import ExtractorFailed
from ml.extractors.weights import WeightsUnavailable
from ml.imaging.comparison_figure import lookalike_figure

UNUSABLE = (SourceError, comparison.CannotCompare, UnknownExtractor, WeightsUnavailable, ExtractorFailed)


class Command(BaseCommand):
    help = "Plots a query image and its five nearest neighbours by raw pixels and by the site's extractors."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--images", type=Path, required=True, help="folder of images")
        parser.add_argument("--labels", type=Path, required=True, help="CSV with the column `file`")
        parser.add_argument(
            "--query", type=Path, required=True, help="image file, or a name inside the folder"
        )
        parser.add_argument("-o", "--output", type=Path, required=True, help="figure to write, a PNG")
        parser.add_argument("--extractor", action="append", metavar="SPEC", help="may be given several times")

    def handle(self, *args: Any, **options: Any) -> None:
        query: Path = options["query"]
        if not query.exists() and (options["images"] / query).exists():
            query = options["images"] / query
        try:
            comparison.check_readable(query)
            images = _labelled_images(options["images"], options["labels"])
            rows = {}
            for spec in options["extractor"] or comparison.default_specs():
                with tqdm(total=len(images.paths), desc=f"{spec:<24}", unit="", disable=None) as bar:
                    found = comparison.nearest(images, query, spec, partial(_show, bar))
                name = comparison.exact_name(spec)
                rows[name] = [(near.path, near.distance, near.label) for near in found]
                listed = ", ".join(f"{near.path.name} {near.distance:.3f}" for near in found)
                self.stdout.write(f"{name}: {listed}")
            lookalike_figure(query, rows, options["output"])
        except (*UNUSABLE, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Figure: {options['output']} ({len(images.paths)} images compared)")


def _labelled_images(directory: Path, labels_csv: Path) -> comparison.LabelledImages:
    """The images in `directory` that the labels file names, read as an import reads them."""
    rows = [row for row in folder.read(directory, labels_csv) if isinstance(row, TitleRecord)]
    if not rows:
        raise comparison.CannotCompare(f"None of the images that {labels_csv} names is in {directory}.")
    return comparison.LabelledImages(
        [row.poster_path for row in rows if row.poster_path], [", ".join(row.genres) for row in rows]
    )


def _show(bar: tqdm[NoReturn], done: int) -> None:
    bar.update(done - bar.n)
