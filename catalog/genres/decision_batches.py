"""Accept many suggestions as one batch, and undo decisions. A batch is accepted and undone in runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from catalog.models import (
    DecisionBatch,
    Movie,
    MovieGenre,
    ReviewDecision,
    ReviewFlag,
    Run,
    RunItem,
    Suggestion,
)
from catalog.runs import leases, lifecycle
from catalog.runs.steps import by_key, work_in_steps

from . import promotion, review
from .review import PENDING, Selection

# A step takes about 50 ms, during which SQLite blocks all other writers.
DECISIONS_PER_STEP = 200
ACCEPTED = MovieGenre.Origin.ACCEPTED
# How many of the last decisions `undo_last` tries.
UNDO_ATTEMPTS = 20


class BatchError(ValueError):
    """A batch cannot be started or undone; the message says why."""


def start(selection: Selection, reviewer: AbstractBaseUser, *, queue: bool = True) -> DecisionBatch:
    """Start a run that accepts the pending suggestions in `selection`; returns the batch.

    Raises BatchError if there are none, and if a live run accepts the same selection.
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

    Raises BatchError while a run accepts or undoes the batch, and if nothing of it is left to undo.
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
    """Accept suggestions of the batch that the item's run names; the last step finishes the item."""
    [item] = items
    batch = DecisionBatch.objects.select_related("reviewer").get(pk=item.run.params["batch"])
    pending = Selection(**batch.choice).suggestions()
    step = by_key(pending, lambda part: review.accept(part, batch.reviewer, batch), DECISIONS_PER_STEP)
    if work_in_steps(item, step, done=batch.decisions.count(), left=pending.count()):
        accepted = batch.decisions.count()
        others = max(0, batch.suggestions - accepted)
        note = f"{accepted} accepted" + (f", {others} decided or replaced meanwhile" if others else "")
        Run.objects.filter(pk=item.run_id).update(message=f"{note}.")
        leases.finish(item, note)


def undo_item(items: Sequence[RunItem]) -> None:
    """Undo decisions of the batch that the item's run names; the last step finishes the item."""
    [item] = items
    batch = DecisionBatch.objects.get(pk=item.run.params["batch"])
    reviewer = item.run.asked_by
    if reviewer is None:
        leases.fail(item, "The account that started this undo was deleted: start it again.")
        return
    left = not_undone(batch)
    step = by_key(left, lambda part: undo(part, reviewer), DECISIONS_PER_STEP)
    total, to_undo = batch.decisions.count(), left.count()
    if work_in_steps(item, step, done=total - to_undo, left=to_undo):
        changed = left.count()
        note = f"{total - changed} undone" + (f", {changed} kept (changed since)" if changed else "")
        Run.objects.filter(pk=item.run_id).update(message=f"{note}.")
        with transaction.atomic():
            if leases.finish(item, note):
                # A model that was promoted after the batch replaces the suggestions that are pending again.
                movies = Movie.objects.filter(pk__in=batch.decisions.values("movie"))
                promotion.replace_suggestions_of_other_models(movies, by=reviewer)


@dataclass
class Reversal:
    """The effect of undoing a decision.

    genre: the row to delete, if any. restored: the row to create, if any. relabelled: the row that gets its
    earlier origin again, if any. obstacle: why the decision is not undone, or "".
    """

    decision: ReviewDecision
    genre: MovieGenre | None = None
    restored: MovieGenre | None = None
    relabelled: MovieGenre | None = None
    obstacle: str = ""

    @property
    def origin(self) -> str:
        """The origin that the genre has before the undo, or NO_GENRE."""
        if row := self.genre or self.relabelled:
            return row.origin
        return ReviewDecision.NO_GENRE if self.restored else self.decision.origin_before


def undo(decisions: Iterable[ReviewDecision], reviewer: AbstractBaseUser) -> list[Reversal]:
    """Undo decisions in one transaction, each at most once. Returns the effects.

    Undoing restores the genres, makes the suggestions pending again, and is recorded as a new decision that
    refers to the one it reverses. A flag that a decision resolved is open again. A decision is not
    undone if something changed since. Of several decisions about the same genre of a movie, the last is
    undone first.
    """
    effects: list[Reversal] = []
    with transaction.atomic():
        decisions = list(decisions)
        movies = {decision.movie_id for decision in decisions}
        list(Movie.everything.select_for_update().filter(pk__in=movies).order_by("pk").values_list("pk"))
        found = ReviewDecision.objects.filter(pk__in=[each.pk for each in decisions], reversal=None)
        left = list(found.select_related("movie", "genre").order_by("pk"))
        while left:
            planned = plan_undo(left)
            undone = [each for each in planned if not each.obstacle]
            _undo(undone, reviewer)
            pairs = {(each.decision.movie_id, each.decision.genre_id) for each in undone}
            left = [
                each.decision
                for each in planned
                if each.obstacle and (each.decision.movie_id, each.decision.genre_id) in pairs
            ]
            effects += [each for each in planned if each.decision not in left]
    return effects


def _undo(planned: Sequence[Reversal], reviewer: AbstractBaseUser) -> None:
    suggestions = [each.decision.suggestion_id for each in planned if each.decision.suggestion_id]
    sequences = review.next_sequences(suggestions, reviewer)
    now = timezone.now()
    ReviewDecision.objects.bulk_create(
        ReviewDecision(
            reviewer_id=reviewer.pk,
            movie_id=each.decision.movie_id,
            genre_id=each.decision.genre_id,
            suggestion_id=each.decision.suggestion_id,
            verdict=ReviewDecision.Verdict.UNDONE,
            sequence=sequences.get(each.decision.suggestion_id or 0, 1),
            origin_before=each.origin,
            reverses=each.decision,
            created_at=now,
        )
        for each in planned
    )
    MovieGenre.objects.filter(pk__in=[each.genre.pk for each in planned if each.genre]).delete()
    MovieGenre.objects.bulk_create(each.restored for each in planned if each.restored)
    for each in planned:
        if each.relabelled:
            MovieGenre.objects.filter(pk=each.relabelled.pk).update(origin=each.decision.origin_before)
    Suggestion.objects.filter(pk__in=suggestions).update(state=PENDING, decided_at=None)
    _unlock({each.decision.movie_id for each in planned if each.decision.locks})
    _open_flags([each.decision for each in planned])


def _open_flags(decisions: Sequence[ReviewDecision]) -> None:
    """Open the flags again that these decisions resolved, unless the movie was flagged again since."""
    pairs = {(each.movie_id, each.created_at) for each in decisions}
    resolved = ReviewFlag.objects.filter(
        movie__in={movie for movie, _ in pairs}, resolved_at__in={at for _, at in pairs}
    )
    latest = {
        flag.movie_id: flag.pk
        for flag in resolved.exclude(movie__in=review.flagged()).order_by("pk")
        if (flag.movie_id, flag.resolved_at) in pairs
    }
    if latest:
        ReviewFlag.objects.filter(pk__in=latest.values()).update(resolved_at=None)


def undo_last(reviewer: AbstractBaseUser) -> list[Reversal]:
    """Undo what the reviewer decided last, except in batches: all decisions of the same time.

    A movie is undone completely or, if one of its decisions cannot be undone, not at all. What cannot be
    undone any more is passed over, so that it does not stand in the way of earlier decisions. Returns the
    effects, and the obstacles of what was passed over; empty if there is nothing to undo.
    """
    mine = _to_undo(reviewer)
    tried: list[Reversal] = []
    times: list[datetime] = []
    while len(times) < UNDO_ATTEMPTS and (last := mine.exclude(created_at__in=times).order_by("-pk").first()):
        times.append(last.created_at)
        effects = _undo_whole_movies(mine.filter(created_at=last.created_at), reviewer)
        tried += effects
        if any(not each.obstacle for each in effects):
            break
    return tried


def _undo_whole_movies(decisions: QuerySet[ReviewDecision], reviewer: AbstractBaseUser) -> list[Reversal]:
    with transaction.atomic():
        effects = undo(decisions, reviewer)
        obstacles = [each for each in effects if each.obstacle]
        if obstacles:
            transaction.set_rollback(True)
    if not obstacles:
        return effects
    kept = {each.decision.movie_id for each in obstacles}
    return obstacles + undo(decisions.exclude(movie__in=kept), reviewer)


def last_decided_at(reviewer: AbstractBaseUser) -> datetime | None:
    """The time of the decisions that `undo_last` would undo first."""
    last: datetime | None = _to_undo(reviewer).order_by("-pk").values_list("created_at", flat=True).first()
    return last


def _to_undo(reviewer: AbstractBaseUser) -> QuerySet[ReviewDecision]:
    return ReviewDecision.objects.standing().filter(reviewer_id=reviewer.pk, batch=None)


def plan_undo(decisions: Sequence[ReviewDecision]) -> list[Reversal]:
    """The effects of undoing these decisions now. The number of queries does not depend on their number."""
    movies = {decision.movie_id for decision in decisions}
    suggestions = Suggestion.objects.in_bulk([each.suggestion_id for each in decisions if each.suggestion_id])
    genres = {
        (row.movie_id, row.genre_id): row
        for row in MovieGenre.objects.filter(movie__in=movies).select_related("genre")
    }
    pending = Suggestion.objects.filter(movie__in=movies, state=PENDING).order_by()
    pending_pairs = set(pending.values_list("movie", "genre"))
    # A decision that was undone does not stand in the way of those before it.
    standing = ReviewDecision.objects.standing().filter(movie__in=movies).order_by()
    latest_pks = standing.values_list("movie", "genre").annotate(Max("pk"))
    latest = {(movie, genre): last for movie, genre, last in latest_pks}
    merged = dict(
        Movie.everything.filter(pk__in=movies, merged_into__isnull=False).values_list("pk", "merged_into")
    )
    # The row of a merged movie does not change after the merge.
    absorbed = Movie.everything.filter(merged_into__in=movies).order_by().values_list("merged_into")
    absorbed_at = dict(absorbed.annotate(Max("updated_at")))
    planned = []
    for decision in decisions:
        pair = decision.movie_id, decision.genre_id
        reversal = Reversal(decision)
        suggestion = suggestions.get(decision.suggestion_id or 0)
        merged_at = absorbed_at.get(decision.movie_id)
        if decision.movie_id in merged:
            reversal.obstacle = f"the movie was merged into no. {merged[decision.movie_id]}"
        elif merged_at is not None and merged_at > decision.created_at:
            reversal.obstacle = "another movie was merged into it since"
        elif latest.get(pair) != decision.pk or (suggestion and suggestion.state != decision.verdict):
            reversal.obstacle = "it was decided again since"
        elif pair in pending_pairs:
            reversal.obstacle = "a newer suggestion of this genre is pending"
        else:
            _plan_genre(reversal, genres.get(pair))
        planned.append(reversal)
    return planned


def _plan_genre(reversal: Reversal, row: MovieGenre | None) -> None:
    """What happens to the movie's genre. `row`: the genre as it is now."""
    decision, before = reversal.decision, reversal.decision.origin_before
    if decision.verdict == ReviewDecision.Verdict.REJECTED:
        return
    if not before:
        reversal.obstacle = "it was not recorded whether the movie had the genre before"
    elif decision.verdict == ReviewDecision.Verdict.REMOVED:
        if row is not None:
            reversal.obstacle = "the genre was added since"
        else:
            reversal.restored = MovieGenre(
                movie_id=decision.movie_id, genre_id=decision.genre_id, origin=before
            )
    elif row is None:
        reversal.obstacle = "the genre was removed since"
    elif row.origin != _origin_after(decision):
        reversal.obstacle = f"the genre is {row.get_origin_display()} now"
    elif before == ReviewDecision.NO_GENRE:
        reversal.genre = row
    elif row.origin != before:
        reversal.relabelled = row


def _origin_after(decision: ReviewDecision) -> str:
    """The origin that an accepted or added genre had after the decision."""
    if decision.verdict == ReviewDecision.Verdict.ADDED:
        return MovieGenre.Origin.MANUAL
    return ACCEPTED if decision.origin_before == ReviewDecision.NO_GENRE else decision.origin_before


def _unlock(movies: Collection[int]) -> None:
    """Let imports change the genres of these movies again, except where later decisions are in effect."""
    verdicts = [ReviewDecision.Verdict.ADDED, ReviewDecision.Verdict.REMOVED]
    edits = ReviewDecision.objects.filter(
        Q(verdict__in=verdicts) | Q(locks=True), movie__in=movies, reversal=None
    )
    kept = set(edits.order_by().values_list("movie", flat=True))
    Movie.objects.filter(pk__in={*movies} - kept).update(genres_locked=False)
