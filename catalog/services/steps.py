"""Runs of a single item that is worked off in steps, with progress counted in what the steps deal with."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import connection
from django.db.models import Model, QuerySet

from catalog.models import Run, RunItem

from . import claims

# A task's time limit ends it: what is left after this time is done by the next task.
SECONDS_PER_TASK = 120.0
LONGEST_PAUSE_S = 0.1

Row = TypeVar("Row", bound=Model)


def work_in_steps(item: RunItem, step: Callable[[], int], *, done: int, left: int) -> bool:
    """Call `step` until it returns 0, and True then: the caller finishes the item.

    `step` deals with the next few units (movies, suggestions) in a transaction of its own and returns how
    many. `done` and `left` are the units before the first step. False means: stop, and leave the item as it
    is. The run was cancelled, another worker has taken the item over, or it was put back for the next task.
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
        # One less than all until the end: finishing, or failing, the item counts one more.
        if not _advance(item, min(done, total - 1), total):
            return False
        if time.monotonic() > until:
            claims.postpone(item, 0, f"{total - done} left")
            return False
        if connection.vendor == "sqlite":
            # It has one lock for all writers, and does not queue them: they need a chance between the steps.
            time.sleep(min(time.monotonic() - began, LONGEST_PAUSE_S))
    return _advance(item, max(done, 1) - 1, max(done, 1))


def by_key(rows: QuerySet[Row], deal: Callable[[list[Row]], object], size: int) -> Callable[[], int]:
    """A step for `work_in_steps`: `deal` with the next `size` of `rows`, in the order of their keys."""
    after = 0

    def step() -> int:
        nonlocal after
        more = list(rows.filter(pk__gt=after).order_by("pk")[:size])
        if more:
            after = more[-1].pk
            deal(more)
        return len(more)

    return step


def _advance(item: RunItem, done: int, total: int) -> bool:
    """Write down the progress and renew the claim; False when the run was cancelled or taken over."""
    held = RunItem.objects.filter(pk=item.pk, claim=item.claim, state=RunItem.State.RUNNING)
    Run.objects.filter(pk=item.run_id, items__in=held).update(done=done, total=total)
    # An item that makes progress is not what kills its workers.
    held.update(attempts=1)
    return bool(claims.keep([item]))
