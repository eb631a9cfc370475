"""`manage.py export_tables DIR`: titles, predictions and decisions as CSV, Parquet or JSON."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.management.progress import progress_bars
from catalog.transfer import tables
from catalog.transfer.snapshot import snapshot

WRITERS = {"csv": tables.write_csv, "parquet": tables.write_parquet, "json": tables.write_json}
FORMATS = {"csv": ["csv"], "parquet": ["parquet"], "json": ["json"], "both": ["csv", "parquet"]}


class Command(BaseCommand):
    help = (
        "Writes titles (with genres, their origins and the poster), predictions (with scores and who "
        "decided) and all decisions of reviewers to DIR, as CSV, Parquet, both of these, or JSON. Existing "
        "files are replaced. This is not a backup: use `export_catalogue` for one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="created if it does not exist")
        parser.add_argument("--format", choices=list(FORMATS), default="both")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with snapshot(), progress_bars() as progress:
                for table in (tables.titles(), tables.predictions(), tables.decisions()):
                    for name in FORMATS[options["format"]]:
                        path = folder / f"{table.name}.{name}"
                        rows = WRITERS[name](table, path, progress)
                        self.stdout.write(f"{path}: {rows} rows")
        except OSError as error:
            raise CommandError(
                f"{error.filename or folder} cannot be written: {error.strerror or error}."
            ) from error
        except KeyboardInterrupt as interrupted:
            raise CommandError(
                "Interrupted. Only the files listed above were written.", returncode=130
            ) from interrupted
