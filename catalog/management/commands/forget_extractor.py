"""`manage.py forget_extractor [SPEC|FINGERPRINT]`: deletes the embeddings of an extractor no longer used."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from catalog.embeddings import deletion
from catalog.embeddings.deletion import Holdings


class Command(BaseCommand):
    help = (
        "Lists the extractors whose embeddings are kept; with the name of one, says what forgetting it would "
        "delete; with --delete, deletes that. One that is in use is refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "extractor", nargs="?", metavar="SPEC|FINGERPRINT", help="the end of a fingerprint is enough"
        )
        parser.add_argument("--delete", action="store_true", help="delete, instead of saying what would be")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["extractor"] is None:
            if options["delete"]:
                raise CommandError("Name the extractor to forget.")
            return self._list()
        try:
            extractor = deletion.named(options["extractor"])
            found = deletion.forget(extractor) if options["delete"] else deletion.holdings(extractor)
        except deletion.CannotForget as error:
            raise CommandError(str(error)) from error
        if found.used:
            raise CommandError(found.used)
        self.stdout.write(f"{'Deleted' if options['delete'] else 'Would be deleted'}: {told(found)}.")
        if found.models:
            self.stdout.write(
                f"Genre models that read it stay in the list ({found.models}); one that is promoted again "
                "suggests nothing before posters are embedded anew."
            )
        if found.comes_back:
            self.stdout.write(
                "It is among what this site looks with: the next embedding run makes them anew."
            )
        if not options["delete"]:
            self.stdout.write("Nothing was deleted. Add --delete to do it.")

    def _list(self) -> None:
        found = deletion.all_holdings()
        for each in found:
            self.stdout.write(f"{'in use  ' if each.used else 'not used'}  {told(each)}")
        if not found:
            self.stdout.write("Nothing is embedded yet.")


def told(found: Holdings) -> str:
    """What there is of one extractor, in a line."""
    size = filesizeformat(found.vector_bytes).replace("\xa0", " ")
    files = filesizeformat(found.file_bytes).replace("\xa0", " ")
    return f"{found.extractor.fingerprint}: {found.vectors} vectors ({size}), {files} of files"
