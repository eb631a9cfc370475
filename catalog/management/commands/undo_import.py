"""`manage.py undo_import RUN`: undoes an import."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.management.progress import process_here
from catalog.models import Run
from catalog.titles import undo

MAX_KEPT_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Undoes an import, by the number of its run: deletes the movies it created and restores those it "
        "changed. Later changes by people or imports are kept and listed. It can be interrupted and repeated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, metavar="RUN", help="number of the import's run")
        parser.add_argument(
            "--dry-run", action="store_true", help="report what an undo would do, and change nothing"
        )
        parser.add_argument("--queue", action="store_true", help="let the workers process it")

    def handle(self, *args: Any, **options: Any) -> None:
        imported = Run.objects.filter(pk=options["run"]).first()
        if imported is None:
            raise CommandError(f"There is no run #{options['run']}: the Runs page lists them.")
        try:
            report = undo.preview(imported)
            if not options["dry_run"]:
                run = undo.start(imported, queue=options["queue"])
        except undo.UndoError as error:
            raise CommandError(str(error)) from error
        self._list_kept(report)
        if options["dry_run"]:
            self.stdout.write(f"Dry run, nothing was changed. {imported}: {report}")
        elif options["queue"]:
            self.stdout.write(f"{run} is queued: {run.get_absolute_url()}")
        else:
            process_here(run, self.stdout.write)

    def _list_kept(self, report: undo.UndoReport) -> None:
        for pk, name, why in report.kept_movies[:MAX_KEPT_SHOWN]:
            self.stderr.write(f"  {name} (no. {pk}) is kept: {why}")
        if report.kept > MAX_KEPT_SHOWN:
            self.stderr.write(f"  … and {report.kept - MAX_KEPT_SHOWN} more")
