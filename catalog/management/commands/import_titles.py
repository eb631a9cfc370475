"""Import titles from the files that catalogues come in."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.services.importing import import_titles
from catalog.sources import csv_file, folder, imdb5000, movielens, tmdb5000
from catalog.sources.records import RejectedRow, SourceError, TitleRecord

REJECTIONS_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Imports titles: `movielens DIR` (movies.csv, links.csv), `tmdb5000 FILE`, `imdb5000 FILE`, "
        "`csv FILE` (id,title,genres), `folder DIR --labels CSV` (images). Running it again is harmless."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        sources = parser.add_subparsers(dest="source", required=True, metavar="SOURCE")
        for name, what in (
            ("movielens", "folder with movies.csv and links.csv"),
            ("tmdb5000", "tmdb_5000_movies.csv"),
            ("imdb5000", "movie_metadata.csv"),
            ("csv", "CSV with the columns id, title, genres"),
            ("folder", "folder of images"),
        ):
            source = sources.add_parser(name, help=what)
            source.add_argument("path", type=Path, help=what)
            if name == "folder":
                source.add_argument("--labels", type=Path, required=True, help="CSV with a column `file`")

    def handle(self, *args: Any, **options: Any) -> None:
        source, path = options["source"], options["path"]
        try:
            rows = self._rows(source, path, options.get("labels"))
            with tqdm(rows, desc=f"Import {source}", unit=" titles", disable=None) as shown:
                run, report = import_titles(shown, source)
        except SourceError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as interrupted:
            raise CommandError(
                "Interrupted. What was imported stays; run it again for the rest.", returncode=130
            ) from interrupted
        for row in report.rejected[:REJECTIONS_SHOWN]:
            self.stderr.write(f"  {row}")
        if report.rejections > REJECTIONS_SHOWN:
            self.stderr.write(f"  … and {report.rejections - REJECTIONS_SHOWN} more")
        self.stdout.write(f"{run}: {report}")

    def _rows(self, source: str, path: Path, labels: Path | None) -> Iterator[TitleRecord | RejectedRow]:
        if source == "folder":
            assert labels is not None  # noqa: S101  argparse requires it
            return folder.read(path, labels)
        readers = {
            "movielens": movielens.read,
            "tmdb5000": tmdb5000.read,
            "imdb5000": imdb5000.read,
            "csv": csv_file.read,
        }
        return readers[source](path)
