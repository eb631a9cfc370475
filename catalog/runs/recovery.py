"""Mend what crashes left behind: the database knows what every run still owes, whatever the broker lost."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from catalog.models import Run, RunItem

from . import chunks, leases, lifecycle

log = logging.getLogger(__name__)

# A task queued here may be one too many: while workers are busy elsewhere they must not pile up.
LEAST_EXPIRY_S = 60
LOST_IMPORT = "The import stopped before its end. Import the file again: what is in already stays as it is."


def sweep() -> int:
    """Give back what dead workers held and queue again what live runs owe; returns how many were queued.

    The broker can lose a task that a killed worker was just taking. The database cannot, so every live run
    that stands still gets fresh tasks; one task too many finds nothing to claim and ends.
    """
    queued = 0
    # Cancelled runs too: an item whose worker died would be shown as running for ever.
    held = RunItem.objects.filter(state=RunItem.State.RUNNING).values("run")
    for run in Run.objects.filter(Q(state__in=lifecycle.LIVE) | Q(pk__in=held)):
        try:
            queued += _mend(run)
        except Exception:
            # What is wrong with one run must not stand in the way of the others.
            log.exception("%s could not be mended; the next sweep tries again.", run)
    return queued


def _mend(run: Run) -> int:
    now = timezone.now()
    leases.adjust_to_clock_change(run.pk)
    run.refresh_from_db()
    if run.kind == Run.IMPORT:
        if (run.moved_at or run.created_at) < now - timedelta(seconds=settings.CLAIM_LEASE_S):
            # It ran in the command that was called, so nobody else can take it up again.
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
    # One that moves may have lost some of its tasks with the broker, and would go on with the others alone.
    return lifecycle.enqueue(run, max(LEAST_EXPIRY_S, 2 * settings.SWEEP_EVERY_S), lost_only=not still)
