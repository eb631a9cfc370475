"""Process runs in this process, for commands that should not depend on workers."""

from __future__ import annotations

import time
from collections.abc import Callable

from catalog.models import Run

from . import chunks, kinds, leases, lifecycle

POLL_INTERVAL_S = 0.5


def process_run(run: Run, on_progress: Callable[[Run], None] | None = None) -> Run:
    """Process the run to its end; returns it with fresh values.

    While this process lives, no tasks are queued for the run: workers may have been started with other
    settings (poster sources, weights) than the shell of this command.
    """
    process = kinds.get(run.kind).process
    assert process is not None  # noqa: S101  its command processes an import
    leases.reserve_for_this_process(run)
    while True:
        leases.release_expired(run.pk)
        busy = leases.process_batch(run.pk, process)
        chunks.materialise_due(run.pk)
        lifecycle.settle(run.pk)
        run.refresh_from_db()
        if on_progress is not None:
            on_progress(run)
        if not run.is_live:
            return run
        if not busy:
            # The rest is leased by workers, or a site requested a wait.
            time.sleep(POLL_INTERVAL_S)
