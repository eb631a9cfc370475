"""`manage.py back_up_catalogue DIR`: exports the catalogue to a dated folder and deletes old backups."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.management.progress import progress_bars
from catalog.transfer.backups import back_up
from catalog.transfer.errors import ExportError


def at_least_one(text: str) -> int:
    """Read the number of backups to keep."""
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"{text!r} is not a number from 1.")
    return int(text)


class Command(BaseCommand):
    help = (
        "Exports the whole catalogue to a new folder in DIR, as export_catalogue does, and deletes all but "
        "the latest backups. For a timer: ends with status 1 if the backup lacks anything."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="the folder with all backups")
        parser.add_argument(
            "--keep", metavar="N", type=at_least_one, default=7, help="backups to keep, this one included (7)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with progress_bars() as progress:
                exported = back_up(options["folder"], options["keep"], progress)
        except ExportError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as interrupted:
            raise CommandError("Interrupted. No backup was made.", returncode=130) from interrupted
        rows = exported.rows
        self.stdout.write(
            f"{rows['movies']} movies, {rows['posters']} posters, {rows['review_decisions']} decisions: "
            f"{exported.bytes / 1e6:,.1f} MB in {exported.folder}."
        )
        if exported.missing or exported.invalid_vectors:
            raise CommandError(
                f"The backup lacks {exported.missing} pictures or weights files (missing.txt) and "
                f"{exported.invalid_vectors} invalid vectors. Without the files, no old backup was deleted. "
                "`manage.py check_catalogue --mend` repairs what it can."
            )
