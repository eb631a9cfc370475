"""`manage.py export_tables DIR`: titles and predictions for spreadsheets (CSV) and notebooks (Parquet)."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.management.export_progress import ExportBars
from catalog.transfer import tables
from catalog.transfer.snapshot import snapshot
from catalog.transfer.table_files import write_csv, write_parquet

WRITERS = {"csv": write_csv, "parquet": write_parquet}


class Command(BaseCommand):
    help = (
        "Writes titles (with genres, their origins and the poster shown) and predictions (with scores and "
        "who decided) to DIR, as CSV, Parquet or both. Files of these names are replaced. Not a backup: "
        "`export_catalogue` makes one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="made if it is not there")
        parser.add_argument("--format", choices=[*WRITERS, "both"], default="both")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        formats = list(WRITERS) if options["format"] == "both" else [options["format"]]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with snapshot(), ExportBars() as bars:
                for sheet in (tables.titles(), tables.predictions()):
                    for kind in formats:
                        path = folder / f"{sheet.name}.{kind}"
                        rows = WRITERS[kind](sheet, path, bars)
                        self.stdout.write(f"{path}: {rows} rows")
        except OSError as error:
            raise CommandError(
                f"{error.filename or folder} cannot be written: {error.strerror or error}."
            ) from error
        except KeyboardInterrupt as interrupted:
            raise CommandError("Interrupted. Files not named above are as before.", returncode=130) from (
                interrupted
            )
