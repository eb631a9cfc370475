"""Work runs off in this process, for commands that should not depend on workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from catalog.duplicates import groups
from catalog.embeddings import embedding
from catalog.genres import decision_batches, suggestions, training
from catalog.integrity import checking
from catalog.models import Run, RunItem
from catalog.posters import refresh, scraping
from catalog.titles import undo

from . import chunks, leases, lifecycle

SECONDS_BETWEEN_LOOKS = 0.5

_WORK: dict[str, Callable[[Sequence[RunItem]], None]] = {
    Run.Kind.SCRAPE: scraping.scrape_items,
    Run.Kind.REFRESH: refresh.refresh_items,
    Run.Kind.CHECK: checking.check_item,
    Run.Kind.EMBED: embedding.embed_items,
    Run.Kind.TRAIN: training.train_item,
    Run.Kind.LABEL: suggestions.label_items,
    Run.Kind.DUPLICATES: groups.find_items,
    Run.Kind.UNDO: undo.undo_item,
    Run.Kind.PREVIEW: undo.preview_item,
    Run.Kind.DECIDE: decision_batches.decide_item,
    Run.Kind.REVERT: decision_batches.undo_item,
}


def work_off(run: Run, on_progress: Callable[[Run], None] | None = None) -> Run:
    """Do all that the run owes until it is over; returns it fresh.

    While this process lives the sweep leaves the run to it: workers may have been started with other
    settings (poster sources, weights) than the shell that a person called this from.
    """
    leases.keep_to_this_process(run)
    while True:
        leases.release_the_dead(run.pk)
        busy = leases.work(run.pk, _WORK[run.kind])
        chunks.plan_ahead(run.pk)
        lifecycle.settle(run.pk)
        run.refresh_from_db()
        if on_progress is not None:
            on_progress(run)
        if not run.is_live:
            return run
        if not busy:
            # The rest is held by workers, or a site asked us to wait.
            time.sleep(SECONDS_BETWEEN_LOOKS)
