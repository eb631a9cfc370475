"""`manage.py restore_catalogue DIR`: restores an export into an empty catalogue, completely or not at all."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.management.progress import progress_bars
from catalog.transfer.errors import RestoreError
from catalog.transfer.restore import restore_catalogue


class Command(BaseCommand):
    help = (
        "Restores what `export_catalogue` wrote into an empty catalogue, on SQLite or PostgreSQL. Every file "
        "and value is checked. If anything is wrong, nothing is changed. Stop the site first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="as `export_catalogue` wrote it")
        parser.add_argument(
            "--trusted",
            action="store_true",
            help="do not decode every picture to check it: faster, for an export of your own",
        )
        parser.add_argument(
            "--leave-out-damaged",
            action="store_true",
            help="restore the rest when pictures or weights files are damaged",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with progress_bars() as progress:
                restored = restore_catalogue(
                    options["folder"],
                    trusted=options["trusted"],
                    leave_out_damaged=options["leave_out_damaged"],
                    progress=progress,
                )
        except RestoreError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as interrupted:
            raise CommandError("Interrupted. Nothing was changed.", returncode=130) from interrupted
        rows = restored.rows
        self.stdout.write(
            f"Restored {rows['movies']} movies, {rows['posters']} posters, {rows['embeddings']} vectors and "
            f"{rows['review_decisions']} decisions."
        )
        if restored.accounts:
            self.stdout.write(
                f"Created accounts for past decisions: {', '.join(restored.accounts)}. To let them sign in, "
                "activate them in the admin and set a password."
            )
        missing = restored.absent + len(restored.left_out)
        if missing:
            self.stderr.write(
                f"{missing} pictures or weights files are missing, {len(restored.left_out)} of them because "
                "they are damaged: `manage.py check_catalogue --mend` fetches pictures again."
            )
