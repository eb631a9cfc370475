"""Undoing a batch of decisions restores the state before, except where something changed since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from catalog.duplicates import merging
from catalog.genres import decision_batches, review
from catalog.genres.decision_batches import BatchError
from catalog.genres.review import Selection
from catalog.models import Movie, MovieGenre, ReviewDecision, Suggestion
from catalog.runs import lifecycle, local_worker
from tests.factories import GenreFactory, GenreModelFactory, MovieFactory, SuggestionFactory, UserFactory

from .batches import SURE, State, accepted, live_run, process, state, states, suggested, undone

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


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
