"""Accept many suggestions as one batch, and undo a whole batch. Both are runs."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet

from catalog.models import DecisionBatch, Movie, ReviewDecision, Run, RunItem
from catalog.runs import leases, lifecycle
from catalog.runs.steps import by_key, work_in_steps

from . import decision_undo, promotion, review
from .selection import Selection

# Takes about 50 ms, during which SQLite lets nobody else write.
DECISIONS_PER_STEP = 200


class BatchError(ValueError):
    """A batch cannot be started or undone; the message says why."""


def start(selection: Selection, reviewer: AbstractBaseUser, *, queue: bool = True) -> DecisionBatch:
    """Accept the pending suggestions that `selection` chooses, in a run; returns the batch.

    Costs a count and some inserts, whatever the number of suggestions. Raises BatchError when none is
    pending, and when the same selection is already being accepted.
    """
    with transaction.atomic():
        count = selection.suggestions().count()
        if not count:
            raise BatchError("None of these suggestions is pending any more.")
        choice = selection.as_json()
        for run in lifecycle.live_runs().filter(kind="decide").select_related("asked_by"):
            if DecisionBatch.objects.filter(pk=run.params["batch"], choice=choice).exists():
                raise BatchError(f"{run.asked_by} is already accepting these: {run}.")
        batch = DecisionBatch.objects.create(
            reviewer_id=reviewer.pk, choice=choice, chosen=str(selection)[:500], suggestions=count
        )
        params = {"batch": batch.pk}
        lifecycle.start("decide", params=params, asked_by=reviewer, queue=queue, units=count)
    return batch


def start_undo(batch: DecisionBatch, reviewer: AbstractBaseUser, *, queue: bool = True) -> Run:
    """Start a run that undoes the decisions of the batch, except where something changed since.

    Raises BatchError while the batch is being accepted or undone, and when nothing of it is left to undo.
    """
    with transaction.atomic():
        DecisionBatch.objects.select_for_update().get(pk=batch.pk)
        if live := live_run(batch):
            raise BatchError(f"{live} has not ended: wait for it, or cancel it.")
        count = not_undone(batch).count()
        if not count:
            raise BatchError(f"{batch} has no decision left to undo.")
        params = {"batch": batch.pk}
        return lifecycle.start("revert", params=params, asked_by=reviewer, queue=queue, units=count)


def runs_of(batch: DecisionBatch) -> QuerySet[Run]:
    """The runs that accept or undo the batch, newest first."""
    return Run.objects.filter(kind__in=["decide", "revert"], params__batch=batch.pk)


def live_run(batch: DecisionBatch) -> Run | None:
    return runs_of(batch).filter(state__in=lifecycle.LIVE).first()


def not_undone(batch: DecisionBatch) -> QuerySet[ReviewDecision]:
    """The decisions of the batch that were not undone."""
    return batch.decisions.filter(reversal=None)


def decide_item(items: Sequence[RunItem]) -> None:
    """Take the decisions of the batch that the item's run names, and finish the item after the last."""
    [item] = items
    batch = DecisionBatch.objects.select_related("reviewer").get(pk=item.run.params["batch"])
    chosen = Selection(**batch.choice).suggestions()
    step = by_key(chosen, lambda more: review.accept(more, batch.reviewer, batch), DECISIONS_PER_STEP)
    if work_in_steps(item, step, done=batch.decisions.count(), left=chosen.count()):
        accepted = batch.decisions.count()
        others = max(0, batch.suggestions - accepted)
        said = f"{accepted} accepted" + (f", {others} decided or replaced meanwhile" if others else "")
        Run.objects.filter(pk=item.run_id).update(message=f"{said}.")
        leases.finish(item, said)


def undo_item(items: Sequence[RunItem]) -> None:
    """Undo the decisions of the batch that the item's run names, and finish the item after the last."""
    [item] = items
    batch = DecisionBatch.objects.get(pk=item.run.params["batch"])
    reviewer = item.run.asked_by
    if reviewer is None:
        leases.fail(item, "The account that started this undo was deleted: start it again.")
        return
    left = not_undone(batch)
    step = by_key(left, lambda more: decision_undo.undo(more, reviewer), DECISIONS_PER_STEP)
    total, owed = batch.decisions.count(), left.count()
    if work_in_steps(item, step, done=total - owed, left=owed):
        kept = left.count()
        said = f"{total - kept} undone" + (f", {kept} kept (changed since)" if kept else "")
        Run.objects.filter(pk=item.run_id).update(message=f"{said}.")
        with transaction.atomic():
            if leases.finish(item, said):
                # A model that was promoted since the batch replaces what has come back.
                movies = Movie.objects.filter(pk__in=batch.decisions.values("movie"))
                promotion.replace_suggestions_of_others(movies, by=reviewer)
