"""`manage.py forget_extractor [SPEC|FINGERPRINT]`: deletes an extractor that is no longer used."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from catalog.embeddings import deletion
from catalog.embeddings.deletion import StoredData
from catalog.models import Extractor


class Command(BaseCommand):
    help = (
        "Lists the extractors that have embeddings. With the name of one, shows what would be deleted; with "
        "--delete, deletes its embeddings and files. An extractor in use is not deleted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "extractor", nargs="?", metavar="SPEC|FINGERPRINT", help="the end of a fingerprint is enough"
        )
        parser.add_argument("--delete", action="store_true", help="delete instead of showing what would be")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["extractor"] is None:
            if options["delete"]:
                raise CommandError("Name the extractor to delete.")
            return self._list()
        try:
            extractor = deletion.find(options["extractor"])
            data = deletion.delete(extractor) if options["delete"] else deletion.stored_data(extractor)
        except deletion.CannotDelete as error:
            raise CommandError(str(error)) from error
        if data.in_use:
            raise CommandError(data.in_use)
        self.stdout.write(f"{'Deleted' if options['delete'] else 'Would be deleted'}: {summary(data)}.")
        if data.models:
            self.stdout.write(
                f"{data.models} genre models that use it stay. To promote one again, embed the posters again."
            )
        if data.configured:
            self.stdout.write(
                "The site is configured to use it: the next embedding run embeds posters again."
            )
        if not options["delete"]:
            self.stdout.write("Nothing was deleted. Add --delete to delete it.")

    def _list(self) -> None:
        found = [deletion.stored_data(extractor) for extractor in Extractor.objects.all()]
        for data in found:
            self.stdout.write(f"{'in use  ' if data.in_use else 'not used'}  {summary(data)}")
        if not found:
            self.stdout.write("Nothing is embedded yet.")


def summary(data: StoredData) -> str:
    size = filesizeformat(data.vector_bytes).replace("\xa0", " ")
    files = filesizeformat(data.file_bytes).replace("\xa0", " ")
    return f"{data.extractor.fingerprint}: {data.vectors} vectors ({size}), {files} of files"
