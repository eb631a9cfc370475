"""Batches of decisions: accepted in a run, each suggestion once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.genres import decision_batches, review
from catalog.genres.decision_batches import BatchError
from catalog.genres.review import Selection
from catalog.models import DecisionBatch, MovieGenre, ReviewDecision, Run
from catalog.runs import leases, lifecycle, local_worker, steps
from tests.factories import MovieFactory, UserFactory

from .batches import SURE, State, accepted, live_run, process, state, states, suggested

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_a_batch_accepts_selected_suggestions_in_a_run(small_steps: None) -> None:
    reviewer = UserFactory()
    chosen = [suggested(score=0.9, threshold=0.6) for _ in range(5)]
    other = suggested(sure=False)
    batch = accepted(reviewer=reviewer)
    run = decision_batches.runs_of(batch).get()
    assert (run.state, run.total, run.done, run.failed, run.asked_by) == ("done", 5, 5, 0, reviewer)
    assert (batch.reviewer, batch.suggestions, batch.choice) == (reviewer, 5, {"sure": True})
    taken = batch.decisions.values_list("suggestion", "verdict", "reviewer", "score", "threshold", "sequence")
    assert set(taken) == {(each.pk, "accepted", reviewer.pk, 0.9, 0.6, 1) for each in chosen}
    assert MovieGenre.objects.filter(origin="accepted").count() == 5
    other.refresh_from_db()
    assert other.state == State.PENDING
    # A task that is delivered again changes nothing.
    before = state()
    assert not leases.process_batch(run.pk, decision_batches.decide_item)
    assert state() == before


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(sure=True), {"a", "b", "d"}),
        (Selection(), {"a", "b", "c", "d"}),
        (Selection(min_score=0.8), {"b", "c"}),
        (Selection(words="ember 1999", sure=True), {"a", "b"}),
    ],
)
def test_the_selection_chooses_the_suggestions(selection: Selection, taken: set[str]) -> None:
    ember = MovieFactory(title="Ember", year=1999)
    made = {
        "a": suggested(ember, "Drama", score=0.7),
        "b": suggested(ember, "Crime", score=0.8),
        "c": suggested(ember, "War", score=0.9, sure=False),
        "d": suggested(MovieFactory(title="Salt"), "Drama", score=0.6),
    }
    batch = accepted(selection)
    names = {each.pk: name for name, each in made.items()}
    assert {names[pk] for pk in batch.decisions.values_list("suggestion", flat=True)} == taken
    assert batch.suggestions == len(taken)


def test_a_selection_of_one_genre_leaves_out_newer_suggestions() -> None:
    drama, crime = suggested(genre="Drama"), suggested(genre="Crime")
    later = suggested(genre="Drama")
    accepted(Selection(genre=drama.genre_id, last=crime.pk))
    assert states() == [State.ACCEPTED, State.PENDING, State.PENDING]
    assert later.pk > crime.pk


def test_excluded_movies_are_left_out() -> None:
    ember, salt = MovieFactory(), MovieFactory()
    for movie in (ember, salt):
        suggested(movie, "Drama")
        suggested(movie, "Crime")
    batch = accepted(Selection(sure=True, excluded=[salt.pk]))
    assert batch.choice == {"sure": True, "excluded": [salt.pk]} and "1 excluded" in batch.chosen
    assert set(batch.decisions.values_list("movie", flat=True)) == {ember.pk}
    assert salt.suggestions.filter(state=State.PENDING).count() == 2


def test_the_number_of_queries_does_not_depend_on_the_number_of_suggestions() -> None:
    def queries(act: Callable[[], object]) -> int:
        with CaptureQueriesContext(connection) as captured:
            act()
        return len(captured)

    reviewer = UserFactory()
    counts = set()
    for number in (3, 20):
        made = [suggested() for _ in range(number)]
        started = queries(lambda: decision_batches.start(SURE, reviewer, queue=False))
        process(DecisionBatch.objects.latest("pk"))
        undo_started = queries(
            lambda: decision_batches.start_undo(DecisionBatch.objects.latest("pk"), reviewer, queue=False)
        )
        local_worker.process_run(lifecycle.live_runs().get())
        counts.add((started, undo_started, queries(lambda made=made: review.accept(made, reviewer))))  # type: ignore[misc]
    assert len(counts) == 1


def test_a_batch_needs_pending_suggestions_that_no_live_run_accepts() -> None:
    suggested(sure=False)
    with pytest.raises(BatchError):
        decision_batches.start(SURE, UserFactory())
    assert not DecisionBatch.objects.exists() and not Run.objects.exists()
    suggested()
    decision_batches.start(SURE, UserFactory(), queue=False)
    with pytest.raises(BatchError):
        decision_batches.start(SURE, UserFactory(), queue=False)
    assert Run.objects.count() == 1


def test_two_batches_decide_each_suggestion_once(small_steps: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        suggested()
    monkeypatch.setattr(steps, "SECONDS_PER_TASK", -1.0)
    batches = [
        decision_batches.start(each, UserFactory(), queue=False) for each in (SURE, Selection(min_score=0.1))
    ]
    live = [live_run(batch) for batch in batches]
    for run in [*live, *live, *live]:
        leases.process_batch(run.pk, decision_batches.decide_item)
        lifecycle.settle(run.pk)
    for run in live:
        assert local_worker.process_run(run).state == Run.State.DONE
    assert sum(batch.decisions.count() for batch in batches) == 5
    assert ReviewDecision.objects.values("suggestion").distinct().count() == 5
    assert states() == [State.ACCEPTED] * 5


def test_suggestions_that_a_person_decides_meanwhile_are_left_out(
    small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [suggested() for _ in range(5)]
    batch = decision_batches.start(SURE, UserFactory(), queue=False)
    monkeypatch.setattr(steps, "SECONDS_PER_TASK", -1.0)
    live = live_run(batch)
    leases.process_batch(live.pk, decision_batches.decide_item)
    review.reject([made[3]], UserFactory())
    run = process(batch)
    assert batch.decisions.count() == 4 and made[3].decisions.get().verdict == "rejected"
    assert (run.state, run.total, run.done, run.failed) == ("done", 4, 4, 0)


def test_a_batch_survives_workers_that_die(small_steps: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(10):
        suggested()
    batch = decision_batches.start(SURE, UserFactory(), queue=False)
    live = live_run(batch)
    accept, calls = review.accept, 0

    def dies(*given: Any) -> int:
        nonlocal calls
        calls += 1
        done = accept(*given)
        if calls % 2 == 0:
            raise MemoryError("killed")
        return done

    monkeypatch.setattr(review, "accept", dies)
    for _ in range(3):
        leases.process_batch(live.pk, decision_batches.decide_item)
    assert batch.decisions.count() == 10
    run = process(batch)
    assert (run.state, run.total, run.done, run.failed) == ("done", 10, 10, 0)
    assert ReviewDecision.objects.count() == 10


def test_a_batch_fails_if_workers_die_without_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    suggested()
    batch = decision_batches.start(SURE, UserFactory(), queue=False)

    def dies(*given: Any) -> int:
        raise MemoryError("killed")

    monkeypatch.setattr(review, "accept", dies)
    run = process(batch)
    assert (run.state, run.failed) == ("failed", 1)
    monkeypatch.undo()
    assert local_worker.process_run(lifecycle.retry_failed(run)).state == "done"
    assert batch.decisions.count() == 1
