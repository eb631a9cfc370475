"""`manage.py export_catalogue DIR`: everything the site owns to a folder, for keeping or for moving."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.management.export_progress import ExportBars
from catalog.transfer.errors import CannotExport
from catalog.transfer.export import export_catalogue


class Command(BaseCommand):
    help = (
        "Writes the whole catalogue to an empty or new folder: movies, genres, posters with their pictures, "
        "vectors, genre models, suggestions and decisions. The site may go on meanwhile. "
        "`restore_catalogue` reads it into an empty catalogue, here or elsewhere."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="an empty folder, or one not there yet")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with ExportBars() as bars:
                written = export_catalogue(options["folder"], bars)
        except CannotExport as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as interrupted:
            raise CommandError("Interrupted. Nothing was left behind.", returncode=130) from interrupted
        rows = written.rows
        self.stdout.write(
            f"{rows['movies']} movies, {rows['posters']} posters, {rows['embeddings']} vectors, "
            f"{rows['review_decisions']} decisions: {written.files} files of {written.bytes / 1e6:,.1f} MB "
            f"in {written.folder}."
        )
        if written.missing:
            self.stderr.write(
                f"{written.missing} pictures or weights files could not be read and are left out, as "
                "missing.txt says: `manage.py check_catalogue --mend` fetches pictures again."
            )
        if written.unsound:
            self.stderr.write(
                f"{written.unsound} vectors cannot be right and are left out: `manage.py check_catalogue "
                "--mend` makes them anew."
            )
