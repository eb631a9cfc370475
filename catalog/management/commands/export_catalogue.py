"""`manage.py export_catalogue DIR`: exports the whole catalogue, as a backup or to move it."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.management.progress import progress_bars
from catalog.transfer.errors import ExportError
from catalog.transfer.export import export_catalogue


class Command(BaseCommand):
    help = (
        "Exports the whole catalogue to an empty or new folder: movies, genres, posters with their pictures, "
        "vectors, genre models, suggestions and decisions. The site may be running. `restore_catalogue` "
        "reads the export into an empty catalogue, here or elsewhere."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="an empty or new folder")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with progress_bars() as progress:
                exported = export_catalogue(options["folder"], progress)
        except ExportError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as interrupted:
            raise CommandError("Interrupted. Nothing was exported.", returncode=130) from interrupted
        rows = exported.rows
        self.stdout.write(
            f"{rows['movies']} movies, {rows['posters']} posters, {rows['embeddings']} vectors, "
            f"{rows['review_decisions']} decisions: {exported.files} files with "
            f"{exported.bytes / 1e6:,.1f} MB in {exported.folder}."
        )
        if exported.missing:
            self.stderr.write(
                f"{exported.missing} pictures or weights files could not be read. They are listed in "
                "missing.txt: `manage.py check_catalogue --mend` fetches pictures again."
            )
        if exported.invalid_vectors:
            self.stderr.write(
                f"{exported.invalid_vectors} invalid vectors were left out: `manage.py check_catalogue "
                "--mend` computes them again."
            )
