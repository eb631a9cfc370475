"""Recover runs after crashes: the database knows what is left to do, even if the broker lost its messages."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from catalog.models import Run, RunItem

from . import chunks, leases, lifecycle

log = logging.getLogger(__name__)

# Superfluous tasks must not pile up while workers are busy with other runs, so they expire.
MIN_EXPIRY_S = 60
LOST_IMPORT = (
    "The import stopped before its end. Import the file again: rows already imported stay as they are."
)


def sweep() -> int:
    """Release the items of dead workers and queue tasks for live runs; returns how many were queued.

    The broker can lose a task that a killed worker was just taking. So every live run that does not advance
    gets new tasks; one task too many finds no item and ends.
    """
    queued = 0
    # Cancelled runs too: otherwise an item whose worker died would be shown as running forever.
    held = RunItem.objects.filter(state=RunItem.State.RUNNING).values("run")
    for run in Run.objects.filter(Q(state__in=lifecycle.LIVE) | Q(pk__in=held)):
        try:
            queued += _recover(run)
        except Exception:
            # A problem with one run must not affect the others.
            log.exception("%s could not be recovered; the next sweep tries again.", run)
    return queued


def _recover(run: Run) -> int:
    now = timezone.now()
    leases.adjust_to_clock_change(run.pk)
    run.refresh_from_db()
    if run.kind == Run.IMPORT:
        if (run.moved_at or run.created_at) < now - timedelta(seconds=settings.CLAIM_LEASE_S):
            # The command that reads the file did the work, so no worker can continue it.
            lifecycle.live_runs().filter(pk=run.pk, moved_at=run.moved_at).update(
                state=Run.State.FAILED, finished_at=now, message=LOST_IMPORT
            )
        return 0
    leases.release_expired(run.pk)
    chunks.materialise_due(run.pk)
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    if not (run.is_live and leases.has_work(run.pk)) or leases.has_local_worker(run):
        return 0
    still = run.moved_at is None or run.moved_at < now - timedelta(seconds=settings.SWEEP_EVERY_S)
    # One that advances may have lost some of its tasks with the broker.
    return lifecycle.enqueue(run, max(MIN_EXPIRY_S, 2 * settings.SWEEP_EVERY_S), lost_only=not still)
