"""`manage.py restore_catalogue DIR`: an exported catalogue into an empty one, all of it or nothing."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.management.export_progress import ExportBars
from catalog.transfer.errors import CannotRestore
from catalog.transfer.restore import restore_catalogue


class Command(BaseCommand):
    help = (
        "Reads what `export_catalogue` wrote into an empty catalogue, on SQLite or PostgreSQL. Every file "
        "and value is checked first; when something is wrong, nothing is changed. Stop the site meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="as `export_catalogue` wrote it")
        parser.add_argument(
            "--trusted",
            action="store_true",
            help="do not open every picture to see whether it is one: quicker, for an export of your own",
        )
        parser.add_argument(
            "--leave-out-damaged",
            action="store_true",
            help="restore the rest when pictures or weights files are damaged",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with ExportBars() as bars:
                restored = restore_catalogue(
                    options["folder"],
                    trusted=options["trusted"],
                    leave_out_damaged=options["leave_out_damaged"],
                    progress=bars,
                )
        except CannotRestore as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as interrupted:
            raise CommandError("Interrupted. Nothing was changed.", returncode=130) from interrupted
        rows = restored.rows
        self.stdout.write(
            f"Restored {rows['movies']} movies, {rows['posters']} posters, {rows['embeddings']} vectors and "
            f"{rows['review_decisions']} decisions."
        )
        if restored.people:
            self.stdout.write(
                f"Accounts made for those who decided: {', '.join(restored.people)}. They cannot sign in "
                "until you make them active in the admin and give them a password."
            )
        gone = restored.absent + len(restored.left_out)
        if gone:
            self.stderr.write(
                f"{gone} pictures or weights files are not there, {len(restored.left_out)} of them because "
                "they are damaged: `manage.py check_catalogue --mend` fetches pictures again."
            )
