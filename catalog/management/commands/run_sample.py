"""Take the sample catalogue all the way: import, fetch, embed, train, suggest; with live progress."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from catalog.counts import catalogue_counts
from catalog.management.progress import RunBar, tell
from catalog.models import Run
from catalog.runs import lifecycle
from catalog.sample.films import write_facts, write_movielens
from catalog.titles.formats import csv_file, movielens
from catalog.titles.importing import import_titles
from postersite.launcher import site_setup

SECONDS_BETWEEN_LOOKS = 0.5
PATIENCE_S = 90.0


class Command(BaseCommand):
    help = (
        "Imports the sample catalogue and sees its runs through: posters are fetched from the replica site "
        "and embedded, a genre model trained, genres suggested. Needs workers: `manage.py up` calls it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.SAMPLE_DIR) / "titles"
        write_movielens(folder)
        write_facts(folder / "facts.csv")
        _, report = import_titles(movielens.read(folder), "sample catalogue")
        import_titles(csv_file.read(folder / "facts.csv"), "sample catalogue: franchises and overviews")
        self.stdout.write(f"Sample catalogue: {report}")
        run: Run | None = self._unfinished() or lifecycle.start(
            "scrape", followed_by=["embed", "train", "label"]
        )
        while run is not None:
            run = self._watch(run)
            tell(run, self.stdout.write)
            run = Run.objects.filter(previous=run).first()
        site_setup.mark_sample_complete()
        counts = catalogue_counts()
        pending = f"{counts['pending']} suggestions to review"
        self.stdout.write(f"{counts['movies']} movies, {counts['posters']} posters, {pending}.")

    def _unfinished(self) -> Run | None:
        return lifecycle.live_runs().exclude(kind=Run.IMPORT).order_by("pk").first()

    def _watch(self, run: Run) -> Run:
        moved, seen = time.monotonic(), (-1, -1)
        with RunBar(run) as bar:
            while True:
                run.refresh_from_db()
                bar.show(run)
                if not run.is_live:
                    return run
                if (run.done, run.failed) != seen:
                    moved, seen = time.monotonic(), (run.done, run.failed)
                elif run.moved_at is None and time.monotonic() - moved > PATIENCE_S:
                    raise CommandError(f"No worker has taken up {run}. Is `manage.py up` running?")
                time.sleep(SECONDS_BETWEEN_LOOKS)
