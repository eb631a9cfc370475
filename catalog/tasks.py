"""Celery tasks: one per kind of run, made from the registry of kinds, and the periodic ones.

A task takes the id of a run, processes one batch of it, and queues itself again while work is left. Nothing
that this module imports loads TensorFlow.
"""

from __future__ import annotations

from celery import Task, shared_task

from catalog.accounts import login_throttle, sessions
from catalog.duplicates import groups
from catalog.embeddings import index_files, vector_index
from catalog.genres import bundled, learning
from catalog.integrity import checking
from catalog.posters import failing_hosts, selection
from catalog.runs import chunks, kinds, leases, lifecycle, recovery
from catalog.runs.kinds import RunKind

# A soft limit this long before the hard one gives a batch time to release its items.
GRACE_S = 60
VECTOR_INDEX_LIMIT_S = 6 * 3600


def _make_task(kind: RunKind) -> Task:
    limits = {}
    if kind.time_limit_s is not None:
        limits = {"time_limit": kind.time_limit_s, "soft_time_limit": kind.time_limit_s - GRACE_S}

    @shared_task(bind=True, name=kind.task, queue=kind.queue, **limits)
    def process_batch(task: Task, run_id: int) -> None:
        assert kind.process is not None  # noqa: S101  others have no task
        more = leases.process_batch(run_id, kind.process)
        materialised = chunks.materialise_due(run_id)
        lifecycle.settle(run_id)
        if more or materialised:
            task.delay(run_id)

    return process_batch


RUN_TASKS = {kind.name: _make_task(kind) for kind in kinds.all_kinds() if kind.process}


@shared_task
def start_new_arrivals() -> None:
    """Fetch the posters of movies that have none."""
    selection.start_new_arrivals()


@shared_task
def start_refresh() -> None:
    """Refresh posters that were not checked recently."""
    selection.start_refresh()


@shared_task
def start_check() -> None:
    """Check the catalogue."""
    checking.start_check()


@shared_task
def start_finding_duplicates() -> None:
    """Search for duplicates among posters that were embedded since the last search."""
    if groups.is_due():
        lifecycle.start("duplicates")


@shared_task
def start_training() -> None:
    """Train a genre model if enough was decided since the last training."""
    learning.start_after_decisions()


@shared_task
def start_nightly_training() -> None:
    """Train a genre model if anything was decided since the last training."""
    learning.start_nightly()


@shared_task
def delete_expired_sessions() -> None:
    """Delete expired sessions and old records of refused sign-ins."""
    sessions.delete_expired()
    login_throttle.delete_old_refusals()


# PostgreSQL needs minutes for an index of a million vectors.
@shared_task(queue="ml", time_limit=VECTOR_INDEX_LIMIT_S, soft_time_limit=VECTOR_INDEX_LIMIT_S - GRACE_S)
def build_indexes() -> None:
    """Build the indexes of look-alikes that are missing or out of date, and continue an upgrade."""
    index_files.build_stale()
    bundled.replace_genre_model()
    vector_index.build_due()


@shared_task
def sweep() -> None:
    """Queue again what live runs still owe."""
    failing_hosts.delete_state_after_clock_change()
    recovery.sweep()
