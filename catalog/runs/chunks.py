"""Create the items of a run a chunk at a time, so that starting one over 60,000 movies is fast.

A run knows from its start which movies or posters it takes, and how many. Only the first chunk is stored as
items then; the others stay chunks of keys. Whoever works on the run materialises the next one, in one short
transaction: a process that dies in it leaves the chunk as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from catalog.models import Run, RunChunk, RunItem

from . import kinds, leases

log = logging.getLogger(__name__)

# Inserting this many items takes about 50 ms, during which SQLite blocks all other writers.
KEYS_PER_CHUNK = 250
LIVE = (Run.State.QUEUED, Run.State.RUNNING)
OPEN = (RunItem.State.PENDING, RunItem.State.RUNNING)


def store_plan(run: Run, keys: Iterable[int]) -> None:
    """Store the ids of the movies or posters that a new run takes, in rising order; sets `total`.

    Call it in the transaction that creates the run, so that there is no run without its plan.
    """
    run.total = 0
    for chunk in _chunks(keys):
        if run.total:
            RunChunk.objects.create(run=run, keys=chunk)
        else:
            _write_items(run, chunk)
        run.total += len(chunk)
    run.save(update_fields=["total"])


def materialise_due(run_id: int) -> int:
    """Create the items of the next chunks until enough are due for the run's tasks; returns how many.

    May be called often and by several processes at once. Movies that were deleted or processed by another run
    since the start are left out and no longer counted.
    """
    made = 0
    while RunChunk.objects.filter(run=run_id).exists() and not leases.has_enough_due(run_id):
        try:
            more = materialise_next(run_id)
        except IntegrityError as error:
            # A movie of the chunk was deleted at this moment: the next call leaves it out.
            log.info("A chunk of run %s is materialised again: %s", run_id, error)
            return made
        if more is None:
            return made
        made += more
    return made


def materialise_next(run_id: int) -> int | None:
    """Create the items of the run's next chunk; returns how many, None when there is no chunk left."""
    with transaction.atomic():
        # Locked, so that no two processes take the same chunk and a cancelled run gets no items.
        run = Run.objects.select_for_update().filter(pk=run_id, state__in=LIVE).first()
        chunk = run.chunks.first() if run is not None else None
        if run is None or chunk is None:
            return None
        still = list(keys_of(_still_due(run).filter(pk__in=chunk.keys)))
        _write_items(run, still)
        chunk.delete()
        Run.objects.filter(pk=run_id).update(total=F("total") - (len(chunk.keys) - len(still)))
    return len(still)


def keys_of(queryset: QuerySet[Any]) -> Iterator[int]:
    """Primary keys in rising order, each once, never all in memory."""
    keys = queryset.prefetch_related(None).order_by("pk").values_list("pk", flat=True).distinct()
    return iter(keys.iterator())


def _still_due(run: Run) -> QuerySet[Any]:
    kind = kinds.get(run.kind)
    assert kind.subject is not None and kind.select is not None  # noqa: S101  the run has chunks
    if run.chosen:
        return kind.subject._default_manager.all()
    return kind.still_due() if kind.still_due else kind.select(run, None)


def _write_items(run: Run, keys: Sequence[int]) -> None:
    column = kinds.get(run.kind).column
    RunItem.objects.bulk_create(RunItem(run=run, **{column: key}) for key in keys)


def _chunks(keys: Iterable[int]) -> Iterator[list[int]]:
    stream = iter(keys)
    while chunk := list(islice(stream, KEYS_PER_CHUNK)):
        yield chunk
