"""All decisions about one movie at once, and undoing what a reviewer decided last."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.genres import decision_batches, review
from catalog.genres.review import NotPending, Selection
from catalog.models import Movie, MovieGenre, ReviewDecision, ReviewFlag, Suggestion
from tests.factories import GenreFactory, MovieFactory, SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db
State = Suggestion.State


def genre(name: str) -> int:
    return int(GenreFactory(name=name).pk)


def suggested(movie: Movie, name: str, **values: Any) -> int:
    return int(SuggestionFactory(movie=movie, genre=GenreFactory(name=name), **values).pk)


def state(movie: Movie) -> list[Any]:
    genres = movie.movie_genres.order_by("genre__name").values_list("genre__name", "origin")
    suggestions = movie.suggestions.order_by("pk").values("pk", "state", "decided_at")
    return [list(genres), list(suggestions), Movie.objects.get(pk=movie.pk).genres_locked]


def decided_everything(reviewer: Any) -> tuple[Movie, list[ReviewDecision]]:
    """A movie with an accepted, a rejected, an added and a removed genre."""
    movie = MovieFactory(genres=["War"])
    decisions = review.decide_movie(
        movie,
        reviewer,
        accept=[suggested(movie, "Drama")],
        reject=[suggested(movie, "Horror")],
        add=[genre("Crime")],
        remove=[genre("War")],
    )
    return movie, decisions


def test_all_kinds_of_decisions_are_recorded_with_the_same_time() -> None:
    reviewer = UserFactory()
    movie, decisions = decided_everything(reviewer)
    assert state(movie)[0] == [("Crime", "manual"), ("Drama", "accepted")]
    assert state(movie)[2]
    assert {(each.genre.name, each.verdict, each.origin_before) for each in decisions} == {
        ("Drama", "accepted", "none"),
        ("Horror", "rejected", "none"),
        ("Crime", "added", "none"),
        ("War", "removed", "imported"),
    }
    assert len(set(ReviewDecision.objects.values_list("created_at", "reviewer"))) == 1
    assert all(each.pk for each in decisions)


def test_decisions_without_an_edit_leave_the_movie_to_imports() -> None:
    movie = MovieFactory()
    review.decide_movie(movie, UserFactory(), accept=[suggested(movie, "Drama")])
    assert state(movie)[2] is False


def test_suggestions_that_are_not_pending_any_more_save_nothing() -> None:
    movie = MovieFactory()
    drama, horror = suggested(movie, "Drama"), suggested(movie, "Horror")
    review.reject(Suggestion.objects.filter(pk=horror), UserFactory())
    before = state(movie)
    with pytest.raises(NotPending) as raised:
        review.decide_movie(movie, UserFactory(), accept=[drama, horror], add=[genre("War")])
    assert raised.value.suggestions == {horror}
    assert state(movie) == before


def test_a_suggestion_of_another_movie_is_not_decided() -> None:
    movie, other = MovieFactory(), MovieFactory()
    with pytest.raises(NotPending):
        review.decide_movie(movie, UserFactory(), accept=[suggested(other, "Drama")])


def test_an_added_genre_that_is_suggested_is_accepted() -> None:
    movie = MovieFactory()
    pk = suggested(movie, "Drama")
    [decision] = review.decide_movie(movie, UserFactory(), add=[genre("Drama")])
    assert (decision.verdict, decision.suggestion_id) == ("accepted", pk)


def test_genres_that_the_movie_has_or_lacks_already_are_left_out() -> None:
    movie = MovieFactory(genres=["War"])
    assert not review.decide_movie(movie, UserFactory(), add=[genre("War")], remove=[genre("Drama")])
    assert state(movie)[0] == [("War", "imported")] and not state(movie)[2]


def test_an_undo_restores_the_state_before_the_last_decisions() -> None:
    reviewer = UserFactory()
    movie = MovieFactory(genres=["War", "Music"])
    drama, horror = suggested(movie, "Drama"), suggested(movie, "Horror")
    before = state(movie)
    for _ in range(2):  # it can be decided and undone again
        review.decide_movie(
            movie, reviewer, accept=[drama], reject=[horror], add=[genre("Crime")], remove=[genre("War")]
        )
        effects = decision_batches.undo_last(reviewer)
        assert len(effects) == 4 and not any(each.obstacle for each in effects)
        assert state(movie) == before
    assert ReviewDecision.objects.filter(verdict="undone").count() == 8
    assert not decision_batches.undo_last(reviewer)


def test_undoing_repeatedly_goes_back_through_the_movies() -> None:
    reviewer = UserFactory()
    movies = [decided_everything(reviewer)[0] for _ in range(3)]
    decided_everything(UserFactory())
    undone = [decision_batches.undo_last(reviewer)[0].decision.movie for _ in movies]
    assert undone == movies[::-1]
    assert not decision_batches.undo_last(reviewer)


def test_a_movie_that_was_locked_before_stays_locked() -> None:
    reviewer = UserFactory()
    movie = MovieFactory(genres_locked=True)
    review.decide_movie(movie, reviewer, add=[genre("War")])
    decision_batches.undo_last(reviewer)
    assert state(movie) == [[], [], True]


def test_decisions_that_cannot_be_undone_do_not_block_earlier_ones() -> None:
    reviewer, other = UserFactory(), UserFactory()
    first = MovieFactory()
    review.decide_movie(first, reviewer, add=[genre("War")])
    later = MovieFactory()
    review.decide_movie(later, reviewer, add=[genre("Drama"), genre("Crime")])
    review.decide_movie(later, other, remove=[genre("Drama"), genre("Crime")])
    effects = decision_batches.undo_last(reviewer)
    assert {each.decision.movie for each in effects if each.obstacle} == {later}
    assert not MovieGenre.objects.filter(movie=first).exists()


@pytest.mark.parametrize("wanted", [["Drama", "Crime"], ["Drama"], []])
def test_genres_that_were_set_by_hand_are_undone_too(wanted: list[str]) -> None:
    reviewer = UserFactory()
    movie = MovieFactory()
    for name in ("Drama", "Horror"):
        suggested(movie, name)
    before = state(movie)
    review.set_genres(movie, [GenreFactory(name=name) for name in wanted], reviewer)
    assert state(movie)[2]
    decision_batches.undo_last(reviewer)
    assert state(movie) == before


def test_a_movie_is_undone_completely_or_not_at_all() -> None:
    reviewer = UserFactory()
    movie = MovieFactory()
    drama, horror = suggested(movie, "Drama"), suggested(movie, "Horror")
    review.decide_movie(movie, reviewer, accept=[drama], reject=[horror], add=[genre("Crime")])
    MovieGenre.objects.filter(movie=movie, genre__name="Drama").update(origin="imported")
    before = state(movie)
    effects = decision_batches.undo_last(reviewer)
    assert [each.decision.genre.name for each in effects if each.obstacle] == ["Drama"]
    assert state(movie) == before


def test_flagged_movies_are_not_in_the_queue() -> None:
    flagged, other = MovieFactory(), MovieFactory()
    for movie in (flagged, other):
        suggested(movie, "Drama")
    flag = ReviewFlag.objects.create(movie=flagged, reviewer=UserFactory(), note="which version?")
    assert [row["movie_id"] for row in review.review_queue()] == [other.pk]
    assert {each.movie for each in Selection().suggestions()} == {other}
    ReviewFlag.objects.filter(pk=flag.pk).update(resolved_at=flag.created_at)
    assert len(review.review_queue()) == 2


def test_a_decision_resolves_the_flag_and_its_undo_opens_it_again() -> None:
    movie, reviewer = MovieFactory(), UserFactory()
    drama, horror = (suggested(movie, name) for name in ("Drama", "Horror"))
    first = ReviewFlag.objects.create(movie=movie, reviewer=UserFactory(), note="which version?")
    review.decide_movie(movie, reviewer, accept=[drama], reject=[horror])
    assert review.open_flag(movie) == first
    decision_batches.undo_last(reviewer)
    review.decide_movie(movie, reviewer, accept=[drama], reject=[horror], resolve_flag=True)
    assert review.open_flag(movie) is None
    decision_batches.undo_last(reviewer)
    assert review.open_flag(movie) == first
    review.set_genres(movie, [GenreFactory(name="Music")], reviewer)
    assert review.open_flag(movie) is None
    second = ReviewFlag.objects.create(movie=movie, reviewer=reviewer)
    decision_batches.undo_last(reviewer)
    assert review.open_flag(movie) == second


@pytest.mark.parametrize(
    ("thresholds", "values", "ticked"),
    [
        ([0.5], {"tick": True, "score": 0.4}, True),
        ([0.5], {"tick": False, "sure": True, "score": 0.9}, False),
        ([], {"score": 0.5}, True),
        ([], {"score": 0.4, "sure": True}, True),
        ([], {"score": 0.4}, False),
    ],
)
def test_suggestions_are_ticked_at_the_tick_threshold(
    thresholds: list[float], values: dict[str, Any], ticked: bool
) -> None:
    made = SuggestionFactory(**values)
    made.model.tick_thresholds = thresholds
    assert review.is_ticked(made) is ticked
