"""Import the sample catalogue, fetch and embed its posters, train a genre model and suggest genres."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from catalog.counts import catalogue_counts
from catalog.management.progress import RunBar, write_result
from catalog.models import Run
from catalog.runs import lifecycle
from catalog.sample.films import write_facts, write_movielens
from catalog.titles.formats import csv_file, movielens
from catalog.titles.importing import import_titles
from postersite.launcher import site_setup

POLL_INTERVAL_S = 0.5
START_TIMEOUT_S = 90.0


class Command(BaseCommand):
    help = (
        "Imports the sample catalogue, fetches its posters from the replica site, embeds them, trains a "
        "genre model and suggests genres, with a progress bar. Needs workers: `manage.py up` calls it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.SAMPLE_DIR) / "titles"
        write_movielens(folder)
        write_facts(folder / "facts.csv")
        _, report = import_titles(movielens.read(folder), "sample catalogue")
        import_titles(csv_file.read(folder / "facts.csv"), "sample catalogue: franchises and overviews")
        self.stdout.write(f"Sample catalogue: {report}")
        run: Run | None = self._unfinished_run() or lifecycle.start(
            "scrape", followed_by=["embed", "train", "label"]
        )
        while run is not None:
            run = self._watch(run)
            write_result(run, self.stdout.write)
            run = Run.objects.filter(previous=run).first()
        site_setup.mark_sample_complete()
        counts = catalogue_counts()
        pending = f"{counts['pending']:,} suggestions to review"
        self.stdout.write(f"{counts['movies']:,} movies, {counts['posters']:,} posters, {pending}.")

    def _unfinished_run(self) -> Run | None:
        """A run of the sample that was interrupted, not one that labels films for imported overviews."""
        runs = lifecycle.live_runs().exclude(kind=Run.IMPORT).exclude(kind="label", previous=None)
        return runs.order_by("pk").first()

    def _watch(self, run: Run) -> Run:
        progress, changed_at = (-1, -1), time.monotonic()
        with RunBar(run) as bar:
            while True:
                run.refresh_from_db()
                bar.show(run)
                if not run.is_live:
                    return run
                if (run.done, run.failed) != progress:
                    progress, changed_at = (run.done, run.failed), time.monotonic()
                elif run.moved_at is None and time.monotonic() - changed_at > START_TIMEOUT_S:
                    raise CommandError(f"No worker has started {run}. Is `manage.py up` running?")
                time.sleep(POLL_INTERVAL_S)
