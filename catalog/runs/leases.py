"""Leases on the items of a run: acquire a batch, renew, release, finish. A worker may die at any moment."""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from catalog.models import Movie, Run, RunChunk, RunItem
from catalog.models.run import CLOCK_TOLERANCE
from ml.processes import has_ended, this_machine, this_process

from . import kinds

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
# An item that sites keep postponing fails after a day.
MAX_POSTPONEMENT = timedelta(hours=24)
WORKER_DIED = "The worker that processed this item died."
# In a run's params: the process of the command that processes it.
LOCAL_WORKER = "worked_off_by"
ABANDONED = (
    f"Given up after {MAX_ATTEMPTS} attempts: the worker died each time. "
    "Its log may show why; a damaged poster or too little memory are the usual causes."
)


def reserve_for_this_process(run: Run) -> None:
    """Note on the run that this process will process it, so that the sweep queues no tasks for it."""
    run.params = {**run.params, LOCAL_WORKER: this_process()}
    run.save(update_fields=["params"])


def has_local_worker(run: Run) -> bool:
    """Whether a live command processes the run; for one on another host, whether it advanced recently."""
    holder = run.params.get(LOCAL_WORKER)
    if not holder or has_ended(holder):
        return False
    lease = timedelta(seconds=settings.CLAIM_LEASE_S)
    moved = run.moved_at or run.created_at
    return holder.startswith(f"{this_machine()}/") or moved > timezone.now() - lease


def acquire_batch(run_id: int) -> list[RunItem]:
    """Lease the next batch of due items of a live run to this process; empty when no item is due.

    Also empty while as many batches are leased as the kind's concurrency allows, so that superfluous tasks
    (redelivered, or queued by a sweep too early) end by themselves.
    """
    now = timezone.now()
    with transaction.atomic():
        run = Run.objects.select_for_update().filter(pk=run_id).first()
        if run is None or not run.is_live:
            return []
        kind = kinds.get(run.kind)
        held = leased_batches(run_id)
        if held >= kind.concurrency:
            return []
        due = _next_batch(run_id, kind.batch_size)
        if not due:
            return []
        token = uuid.uuid4()
        RunItem.objects.filter(pk__in=due).update(
            state=RunItem.State.RUNNING,
            claim=token,
            claimed_at=now,
            claimed_by=this_process(),
            attempts=F("attempts") + 1,
        )
        changed: dict[str, Any] = {"state": Run.State.RUNNING, "moved_at": now}
        if run.started_at is None:
            changed["started_at"] = now
        if not held:
            # After a pause or a crash: the time in which nothing was processed does not count for the rate.
            changed["counted_at"] = now
        Run.objects.filter(pk=run_id).update(**changed)
    return list(
        RunItem.objects.filter(run_id=run_id, claim=token).select_related("run", "movie", "poster__movie")
    )


def leased_batches(run_id: int) -> int:
    """How many batches of the run are leased. A task holds one at most."""
    held = RunItem.objects.filter(run_id=run_id, state=RunItem.State.RUNNING)
    return held.order_by().values("claim").distinct().count()


def finish(item: RunItem, note: str = "") -> bool:
    """Mark a leased item done. False if the lease was lost: then its new holder counts the item."""
    return finish_all([item], notes={item.pk: note}) == 1


def fail(item: RunItem, error: str) -> bool:
    """Mark a leased item failed, with a sentence a person can act on. False as for `finish`."""
    return finish_all([item], errors={item.pk: error}) == 1


def finish_all(
    items: Sequence[RunItem],
    *,
    notes: Mapping[int, str] | None = None,
    errors: Mapping[int, str] | None = None,
) -> int:
    """Mark leased items of one batch done with their notes, those in `errors` failed; both by item id.

    One transaction locks the run once, however many items there are. Returns how many were still leased.
    """
    notes, errors = notes or {}, errors or {}
    outcomes: dict[int, dict[str, Any]] = {}
    for item in items:
        if item.pk in errors:
            outcomes[item.pk] = {"state": RunItem.State.FAILED, "error": errors[item.pk]}
        else:
            note = notes.get(item.pk, "")[:300]
            outcomes[item.pk] = {"state": RunItem.State.DONE, "note": note, "error": ""}
    return _close(items, outcomes)


def skip_merged(items: Sequence[RunItem]) -> list[RunItem]:
    """Skip leased items whose movie was merged into another one; returns the other items.

    The note of a skipped item names the kept movie. The item counts neither as done nor as failed.
    """
    merged = {
        movie.pk: movie.merged_into
        for movie in Movie.everything.filter(
            pk__in={item.movie_id for item in items}, merged_into__isnull=False
        ).select_related("merged_into")
    }
    outcomes: dict[int, dict[str, Any]] = {}
    for item in items:
        if (kept := merged.get(item.movie_id or 0)) is not None:
            outcomes[item.pk] = {"state": RunItem.State.CANCELLED, "note": merged_note(kept), "error": ""}
    _close([item for item in items if item.pk in outcomes], outcomes)
    return [item for item in items if item.pk not in outcomes]


def merged_note(kept: Movie) -> str:
    """The note of a skipped item whose movie was merged into `kept`."""
    return f"Skipped: merged into {kept} (no. {kept.pk})."[:300]


def process_each(
    items: Sequence[RunItem], process: Callable[[RunItem, Callable[[], object]], object]
) -> None:
    """Call `process` for each item of a batch in turn; it finishes, fails or postpones the item.

    Its second argument renews the lease on the rest of the batch, for long work. If a movie was merged or
    deleted meanwhile, the other items of the batch are not affected.
    """
    for index, item in enumerate(items):
        renew_rest = partial(renew, items[index:])
        # While a slow site answers, the lease of the items behind this one must not expire.
        if item.pk not in renew_rest(begin=True) or not skip_merged([item]):
            continue
        try:
            process(item, renew_rest)
        except (ObjectDoesNotExist, IntegrityError) as error:
            # Rows that the work needs are gone. A deleted movie has taken its item with it.
            if skip_merged([item]):
                log.warning("%s was changed while it was processed: %s", item, error)
                release(item, f"{type(error).__name__}: {error}")


def postpone(item: RunItem, seconds: float, why: str) -> bool:
    """Release a leased item, to be tried again after `seconds`; this does not count as an attempt.

    An item that has been postponed for MAX_POSTPONEMENT fails instead. False as for `finish`.
    """
    now = timezone.now()
    since = min(item.waiting_since or now, now)
    if now - since > MAX_POSTPONEMENT:
        return fail(item, why)
    later = now + timedelta(seconds=seconds)
    return _return(item, error=why, not_before=later, waiting_since=since, attempts=F("attempts") - 1)


def renew(items: Sequence[RunItem], *, begin: bool = False) -> set[int]:
    """Renew the lease on items of one batch; returns the ids of those still leased, none in a cancelled run.

    Long work calls this repeatedly and skips the items that are no longer leased. With `begin`, the time
    that the items take is counted from now.
    """
    now = timezone.now()
    Run.objects.filter(pk=items[0].run_id).update(moved_at=now)
    held = RunItem.objects.filter(
        pk__in=[item.pk for item in items], state=RunItem.State.RUNNING, claim=items[0].claim
    ).exclude(run__state=Run.State.CANCELLED)
    held.update(claimed_at=now)
    for item in items if begin else ():
        item.claimed_at = now
    return set(held.values_list("pk", flat=True))


def has_work(run_id: int) -> bool:
    """Whether items of the run are due now."""
    return bool(_due(run_id, 1)) or RunChunk.objects.filter(run=run_id).exists()


def has_enough_due(run_id: int) -> bool:
    """Whether each task of the run finds two full batches, or the run is gone."""
    name = Run.objects.filter(pk=run_id).values_list("kind", flat=True).first()
    if name is None:
        return True
    kind = kinds.get(name)
    enough = 2 * kind.concurrency * kind.batch_size
    return len(_due(run_id, enough)) == enough


def release_expired(run_id: int) -> int:
    """Release items whose worker died: at once on this host, on other hosts when the lease has expired.

    An item whose worker died MAX_ATTEMPTS times fails instead, so that a poster that kills workers is not
    retried forever. Returns how many items were released or failed.
    """
    adjust_to_clock_change(run_id)
    stale = timezone.now() - timedelta(seconds=settings.CLAIM_LEASE_S)
    held = RunItem.objects.filter(run_id=run_id, state=RunItem.State.RUNNING)
    gone = [
        holder
        for holder in held.order_by().values_list("claimed_by", flat=True).distinct()
        if has_ended(holder)
    ]
    lost = held.filter(Q(claimed_at__lt=stale) | Q(claimed_by__in=gone))
    return sum(release(item, ABANDONED if item.attempts >= MAX_ATTEMPTS else WORKER_DIED) for item in lost)


def adjust_to_clock_change(run_id: int) -> None:
    """After the clock was set back: restart leases, and make items due that were postponed before that.

    Otherwise times in the database that now lie in the future would have to pass first.
    """
    now = timezone.now()
    ahead = now + CLOCK_TOLERANCE
    items = RunItem.objects.filter(run_id=run_id, claimed_at__gt=ahead)
    if items.filter(state__in=(RunItem.State.RUNNING, RunItem.State.PENDING)).exists():
        items.filter(state=RunItem.State.RUNNING).update(claimed_at=now)
        items.filter(state=RunItem.State.PENDING, not_before__gt=now).update(not_before=now)
        # Items that stay pending are not adjusted again.
        items.filter(state=RunItem.State.PENDING).update(claimed_at=now)
    late = Run.objects.filter(Q(moved_at__gt=ahead) | Q(moved_at=None, created_at__gt=ahead), pk=run_id)
    if late.exists():
        late.update(moved_at=now)


def process_batch(run_id: int, process: Callable[[Sequence[RunItem]], object]) -> bool:
    """Lease a batch and process it; returns whether more items are due now.

    Items that `process` neither finishes nor fails, because of an exception or a time limit, are released and
    tried again, MAX_ATTEMPTS times in all.
    """
    items = acquire_batch(run_id)
    if not items:
        return False
    why = "The worker stopped before it finished this item."
    try:
        if still := skip_merged(items):
            process(still)
    except Exception as error:
        log.exception("A batch of %s failed.", items[0].run)
        why = f"{type(error).__name__}: {error}"
    finally:
        if not connection.in_atomic_block:
            # A signal may have interrupted the very statement that begins a transaction.
            connection.rollback()
        for item in RunItem.objects.filter(claim=items[0].claim, state=RunItem.State.RUNNING):
            release(item, why)
    return has_work(run_id)


def release(item: RunItem, why: str) -> bool:
    """Release a leased item, to be tried again; False if the lease was lost.

    After MAX_ATTEMPTS the item fails instead, and in a cancelled run it is cancelled.
    """
    return _return(item, last=item.attempts >= MAX_ATTEMPTS, error=why)


def _return(item: RunItem, *, last: bool = False, **fields: Any) -> bool:
    with transaction.atomic():
        # Locked, so that no item slips back into a run that is being cancelled at this moment.
        run = Run.objects.select_for_update().filter(pk=item.run_id).first()
        if run is not None and run.state == Run.State.CANCELLED:
            return bool(_held(item).update(state=RunItem.State.CANCELLED, claim=None))
        if last:
            return fail(item, fields["error"])
        return bool(_held(item).update(state=RunItem.State.PENDING, claim=None, **fields))


def _next_batch(run_id: int, size: int) -> list[int]:
    """Ids of the items to lease next. One that was tried before is leased alone: it may kill its worker."""
    due = _due(run_id, size)
    if due and due[0][1]:
        return [due[0][0]]
    return [pk for pk, _ in takewhile(lambda item: not item[1], due)]


def _close(items: Sequence[RunItem], outcomes: Mapping[int, dict[str, Any]]) -> int:
    """Store the final values of leased items, by id, and count them; returns how many were still leased."""
    if not items:
        return 0
    now = timezone.now()
    # Many have the same outcome: one statement each.
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for item in items:
        alike[(_seconds_since(item.claimed_at, now), *outcomes[item.pk].items())].append(item.pk)
    counts: dict[str, int] = defaultdict(int)
    with transaction.atomic():
        # The run first, then the items: always the same order, or two workers could deadlock.
        run = Run.objects.select_for_update().filter(pk=items[0].run_id).first()
        held = RunItem.objects.filter(state=RunItem.State.RUNNING, claim=items[0].claim)
        for (seconds, *outcome), pks in alike.items():
            values = dict(outcome)
            closed = held.filter(pk__in=pks).update(finished_at=now, seconds=seconds, claim=None, **values)
            counts[values["state"]] += closed
        if run is not None and any(counts.values()):
            Run.objects.filter(pk=run.pk).update(
                moved_at=now,
                done=F("done") + counts[RunItem.State.DONE],
                failed=F("failed") + counts[RunItem.State.FAILED],
                **run.counted(sum(counts.values()), now),
            )
    return sum(counts.values())


def _seconds_since(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else max(0.0, (now - moment).total_seconds())


def _held(item: RunItem) -> QuerySet[RunItem]:
    return RunItem.objects.filter(pk=item.pk, state=RunItem.State.RUNNING, claim=item.claim)


def _due(run_id: int, most: int) -> list[tuple[int, int]]:
    """Ids and attempts of at most `most` due items, in the order in which they are leased."""
    pending = RunItem.objects.filter(run_id=run_id, state=RunItem.State.PENDING).values_list("pk", "attempts")
    # Two queries, since each has its index. Postponed items have waited longest, so they come first.
    due = list(pending.filter(not_before__lte=timezone.now()).order_by("not_before", "pk")[:most])
    if len(due) < most:
        due += pending.filter(not_before=None).order_by("pk")[: most - len(due)]
    return due
