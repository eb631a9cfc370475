"""Batches of decisions: accepted in a run, each suggestion once, and undone as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.duplicates import merging
from catalog.genres import decision_batches, review
from catalog.genres.decision_batches import BatchError
from catalog.genres.review import Selection
from catalog.models import DecisionBatch, Movie, MovieGenre, ReviewDecision, Run, Suggestion
from catalog.runs import leases, lifecycle, local_worker, steps
from tests.factories import GenreFactory, GenreModelFactory, MovieFactory, SuggestionFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

SURE = Selection(sure=True)
State = Suggestion.State


def suggested(movie: Movie | None = None, genre: str = "Drama", **values: Any) -> Suggestion:
    movie = movie or MovieFactory()
    return SuggestionFactory(movie=movie, genre=GenreFactory(name=genre), **{"sure": True, **values})


def accepted(selection: Selection = SURE, reviewer: Any = None) -> DecisionBatch:
    batch = decision_batches.start(selection, reviewer or UserFactory(), queue=False)
    process(batch)
    return batch


def live_run(batch: DecisionBatch) -> Run:
    live = decision_batches.live_run(batch)
    assert live is not None
    return live


def process(batch: DecisionBatch) -> Run:
    return local_worker.process_run(live_run(batch))


def undone(batch: DecisionBatch, reviewer: Any = None) -> Run:
    return local_worker.process_run(
        decision_batches.start_undo(batch, reviewer or UserFactory(), queue=False)
    )


def state() -> list[Any]:
    genres = MovieGenre.objects.order_by("movie", "genre").values_list("movie", "genre", "origin")
    movies = Movie.everything.order_by("pk").values_list("pk", "genres_locked", "merged_into")
    return [list(Suggestion.objects.order_by("pk").values()), list(genres), list(movies)]


def states() -> list[str]:
    return list(Suggestion.objects.order_by("pk").values_list("state", flat=True))


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_batches, "DECISIONS_PER_STEP", 2)


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


def test_a_cancelled_batch_can_be_undone(small_steps: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        suggested()
    before = state()
    batch = decision_batches.start(SURE, UserFactory(), queue=False)
    accept = review.accept
    live = live_run(batch)

    def and_cancel(*given: Any) -> int:
        lifecycle.cancel(live)
        return accept(*given)

    monkeypatch.setattr(review, "accept", and_cancel)
    run = local_worker.process_run(live)
    monkeypatch.undo()
    assert (run.state, run.total, run.done) == ("cancelled", 5, 2)
    assert batch.decisions.count() == 2 and states().count(State.PENDING) == 3
    assert not run.items.exclude(state="cancelled").exists()
    assert undone(batch).done == 2
    assert state() == before


def test_undoing_restores_the_state_before(small_steps: None) -> None:
    movie = MovieFactory(genres=["War"], genres__origin="manual")
    MovieGenre.objects.create(movie=movie, genre=GenreFactory(name="Crime"), origin="imported")
    suggested(movie, "Crime")
    suggested(movie, "War")
    suggested(movie, "Drama")
    suggested(movie, "Horror", sure=False)
    suggested(movie, "Comedy", state=State.SUPERSEDED)
    suggested(movie, "Western", state=State.REJECTED)
    for _ in range(4):
        suggested()
    before = state()
    batch = accepted()
    taken = list(batch.decisions.order_by("pk").values())
    assert state() != before
    reviewer = UserFactory()
    run = undone(batch, reviewer)
    assert state() == before
    assert (run.state, run.total, run.done, run.failed) == ("done", 7, 7, 0)
    # The decisions are still recorded, and each reversal names the one it reverses.
    assert list(batch.decisions.order_by("pk").values()) == taken
    reversals = ReviewDecision.objects.exclude(reverses=None)
    assert set(reversals.values_list("verdict", "reviewer")) == {("undone", reviewer.pk)}
    assert list(reversals.order_by("reverses").values_list("reverses", flat=True)) == [
        each["id"] for each in taken
    ]


def test_undoing_a_thousand_restores_the_exact_state() -> None:
    genres, model = (
        [GenreFactory(name=name) for name in ("Drama", "Crime", "War", "Horror")],
        GenreModelFactory(),
    )
    movies = Movie.objects.bulk_create(Movie(title=f"Film {n}") for n in range(500))
    rows = [(movie, genre, n + m) for n, movie in enumerate(movies) for m, genre in enumerate(genres)]
    MovieGenre.objects.bulk_create(
        MovieGenre(movie=movie, genre=genre, origin=("manual", "imported", "accepted")[n % 3])
        for movie, genre, n in rows
        if n % 7 == 0
    )
    # Half of them are sure, and of those 200 were decided before.
    Suggestion.objects.bulk_create(
        Suggestion(
            movie=movie,
            genre=genre,
            model=model,
            score=0.5 + n % 50 / 100,
            threshold=0.3,
            sure=genre in genres[:2],
            explanation={"parts": {"poster": n}},
        )
        for movie, genre, n in rows
    )
    reviewer = UserFactory()
    review.reject(Suggestion.objects.filter(genre=genres[0]).order_by("pk")[:100], reviewer)
    review.accept(Suggestion.objects.filter(genre=genres[2])[:100], reviewer)
    excluded = [movie.pk for movie in movies[-50:]]
    for name in ("Drama", "Crime"):
        suggested(genre=name, model=model, sure=False, score=0.99)
    more = Movie.objects.bulk_create(Movie(title=f"More {n}") for n in range(200))
    Suggestion.objects.bulk_create(
        Suggestion(movie=movie, genre=genres[0], model=model, score=0.9, threshold=0.3, sure=True)
        for movie in more
    )
    before = state()
    batch = accepted(Selection(sure=True, excluded=excluded), reviewer)
    assert batch.decisions.count() == batch.suggestions == 1000
    assert state() != before
    run = undone(batch, reviewer)
    assert (run.state, run.done, run.failed) == ("done", 1000, 0)
    assert state() == before


def test_an_undone_suggestion_can_be_accepted_again_by_the_same_person(small_steps: None) -> None:
    reviewer = UserFactory()
    suggestion = suggested()
    undone(accepted(reviewer=reviewer), reviewer)
    again = accepted(reviewer=reviewer)
    sequence = suggestion.decisions.order_by("pk").values_list("verdict", "sequence")
    assert list(sequence) == [("accepted", 1), ("undone", 2), ("accepted", 3)]
    undone(again)
    assert states() == [State.PENDING]


def set_by_hand(one: Suggestion) -> None:
    review.set_genres(one.movie, [one.genre], UserFactory())


def removed(one: Suggestion) -> None:
    review.set_genres(one.movie, [], UserFactory())


def imported(one: Suggestion) -> None:
    MovieGenre.objects.filter(movie=one.movie, genre=one.genre).update(origin="imported")


def merged_away(one: Suggestion) -> None:
    merging.merge_movies(MovieFactory(imdb_id=None, tmdb_id=None), [one.movie])


def merged_into(one: Suggestion) -> None:
    merging.merge_movies(one.movie, [MovieFactory(imdb_id=None, tmdb_id=None)])


def suggested_anew(one: Suggestion) -> None:
    SuggestionFactory(movie=one.movie, genre=one.genre, model=GenreModelFactory())


@pytest.mark.parametrize("touch", [set_by_hand, removed, imported, merged_away, merged_into, suggested_anew])
def test_decisions_that_changed_since_are_not_undone(touch: Callable[[Suggestion], None]) -> None:
    touched, other = suggested(), suggested()
    batch = accepted()
    touch(touched)
    before = state()
    run = undone(batch)
    after = state()
    kept = [each for each in before[0] if each["id"] != other.pk]
    assert [each for each in after[0] if each["id"] != other.pk] == kept
    assert [row for row in after[1] if row[0] != other.movie_id] == [
        row for row in before[1] if row[0] != other.movie_id
    ]
    other.refresh_from_db()
    assert other.state == State.PENDING and not other.movie.movie_genres.exists()
    [left] = decision_batches.plan_undo(list(decision_batches.not_undone(batch)))
    assert left.decision.suggestion_id == touched.pk and left.obstacle
    assert (run.state, run.total, run.done, run.failed) == ("done", 2, 2, 0)


def test_an_undo_survives_workers_that_die(small_steps: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(9):
        suggested()
    before = state()
    batch = accepted()
    MovieGenre.objects.filter(movie=Movie.objects.first()).update(origin="imported")
    live = decision_batches.start_undo(batch, UserFactory(), queue=False)
    undo, calls = decision_batches.undo, 0

    def dies(*given: Any) -> list[decision_batches.Reversal]:
        nonlocal calls
        calls += 1
        done = undo(*given)
        if calls == 3:
            raise MemoryError("killed")
        return done

    monkeypatch.setattr(decision_batches, "undo", dies)
    run = local_worker.process_run(live)
    assert (run.state, run.total, run.done, run.failed) == ("done", 9, 9, 0)
    assert ReviewDecision.objects.exclude(reverses=None).count() == 8
    assert state()[0][1:] == before[0][1:] and MovieGenre.objects.count() == 1


def test_an_undo_needs_decisions_and_no_live_run() -> None:
    suggested()
    batch = decision_batches.start(SURE, UserFactory(), queue=False)
    with pytest.raises(BatchError):
        decision_batches.start_undo(batch, UserFactory())
    process(batch)
    decision_batches.start_undo(batch, UserFactory(), queue=False)
    with pytest.raises(BatchError):
        decision_batches.start_undo(batch, UserFactory())
    process(batch)
    with pytest.raises(BatchError):
        decision_batches.start_undo(batch, UserFactory())


def test_a_rejection_is_undone_too() -> None:
    suggestion = suggested()
    before = state()
    reviewer = UserFactory()
    review.reject([suggestion], reviewer)
    [done] = decision_batches.undo(suggestion.decisions.all(), reviewer)
    assert not done.obstacle and state() == before
