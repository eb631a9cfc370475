"""What a run takes, stored a chunk at a time: 60,000 movies never become one list of items.

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

# As many items as are written in some 50 ms, for which SQLite keeps every other writer out.
KEYS_PER_CHUNK = 250
LIVE = (Run.State.QUEUED, Run.State.RUNNING)
OPEN = (RunItem.State.PENDING, RunItem.State.RUNNING)


def store_plan(run: Run, keys: Iterable[int]) -> None:
    """Write down what a new run takes, `keys` of movies or posters by its kind in rising order; sets `total`.

    To be called in the transaction that makes the run: there is all of its plan or no run.
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
    """Make items of the run's next chunks while fewer are due than its tasks take next; how many were made.

    Harmless when called too often or by several at once. What has become superfluous since the start, because
    a movie is gone or another run saw to it, is left out and counts no longer.
    """
    made = 0
    while RunChunk.objects.filter(run=run_id).exists() and not leases.has_enough_due(run_id):
        try:
            more = materialise_next(run_id)
        except IntegrityError as error:
            # A movie of the chunk was deleted at this very moment: the next call finds it gone.
            log.info("A chunk of run %s is planned again: %s", run_id, error)
            return made
        if more is None:
            return made
        made += more
    return made


def materialise_next(run_id: int) -> int | None:
    """Make items of the run's next chunk; how many were made, None when nothing is to come."""
    with transaction.atomic():
        # Locked, so that no two take the same chunk and no item slips into a run that is being cancelled.
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
