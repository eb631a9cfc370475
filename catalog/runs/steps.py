"""Runs of a single item that is processed in steps, and whose progress counts movies or suggestions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import connection
from django.db.models import Model, QuerySet

from catalog.models import Run, RunItem

from . import leases

# Tasks have a time limit: after this time, the next task does what is left.
SECONDS_PER_TASK = 120.0
LONGEST_PAUSE_S = 0.1

Row = TypeVar("Row", bound=Model)


def work_in_steps(item: RunItem, step: Callable[[], int], *, done: int, left: int) -> bool:
    """Call `step` until it returns 0; then return True, and the caller finishes the item.

    `step` processes the next few units (movies, suggestions) in its own transaction and returns how many.
    `done` and `left` count the units before the first step. If it returns False, the caller must leave the
    item as it is: the run was cancelled, another worker took the item over, or the next task continues.
    """
    total = done + left
    until = time.monotonic() + SECONDS_PER_TASK
    while True:
        began = time.monotonic()
        units = step()
        if not units:
            break
        done += units
        total = max(total, done)
        # One less than all, because finishing or failing the item counts one more.
        if not _advance(item, min(done, total - 1), total):
            return False
        if time.monotonic() > until:
            leases.postpone(item, 0, f"{total - done} left")
            return False
        if connection.vendor == "sqlite":
            # SQLite does not queue writers: the pause gives others a chance to write.
            time.sleep(min(time.monotonic() - began, LONGEST_PAUSE_S))
    return _advance(item, max(done, 1) - 1, max(done, 1))


def by_key(rows: QuerySet[Row], process: Callable[[list[Row]], object], size: int) -> Callable[[], int]:
    """A step for `work_in_steps`: calls `process` with the next `size` of `rows`, in the order of keys."""
    after = 0

    def step() -> int:
        nonlocal after
        more = list(rows.filter(pk__gt=after).order_by("pk")[:size])
        if more:
            after = more[-1].pk
            process(more)
        return len(more)

    return step


def _advance(item: RunItem, done: int, total: int) -> bool:
    """Store the progress and renew the lease; False when the run was cancelled or the item taken over."""
    held = RunItem.objects.filter(pk=item.pk, claim=item.claim, state=RunItem.State.RUNNING)
    Run.objects.filter(pk=item.run_id, items__in=held).update(done=done, total=total)
    # Attempts count workers that died; an item that makes progress is not the cause.
    held.update(attempts=1)
    return bool(leases.renew([item]))
