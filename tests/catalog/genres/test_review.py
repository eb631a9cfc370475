"""The review queue: decisions become genres, are recorded once and never changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from catalog.genres import review
from catalog.models import Genre, Movie, ReviewDecision, Suggestion
from catalog.models.append_only import AppendOnlyError
from tests.factories import GenreFactory, MovieFactory, SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db

State = Suggestion.State


@pytest.fixture
def reviewer() -> Any:
    return UserFactory()


def genres_of(movie: Movie) -> dict[str, str]:
    return {row.genre.name: row.origin for row in movie.movie_genres.select_related("genre")}


def decisions() -> list[tuple[str, str]]:
    return [
        (row.genre.name, row.verdict) for row in ReviewDecision.objects.order_by("pk").select_related("genre")
    ]


def suggested(movie: Movie, name: str, score: float = 0.75) -> Suggestion:
    return SuggestionFactory(movie=movie, genre=GenreFactory(name=name), score=score)


def test_an_accepted_suggestion_becomes_a_genre(reviewer: Any) -> None:
    suggestion = suggested(MovieFactory(), "Drama", 0.81)
    assert review.accept([suggestion], reviewer) == 1
    suggestion.refresh_from_db()
    assert suggestion.state == State.ACCEPTED
    assert suggestion.decided_at is not None
    assert genres_of(suggestion.movie) == {"Drama": "accepted"}


def test_a_rejected_suggestion_does_not(reviewer: Any) -> None:
    suggestion = suggested(MovieFactory(), "Drama")
    assert review.reject([suggestion], reviewer) == 1
    suggestion.refresh_from_db()
    assert suggestion.state == State.REJECTED
    assert genres_of(suggestion.movie) == {}


def test_a_decision_keeps_who_what_and_the_score_and_threshold_seen(reviewer: Any) -> None:
    suggestion = SuggestionFactory(score=0.81, threshold=0.55)
    review.accept([suggestion], reviewer)
    decision = ReviewDecision.objects.get()
    assert (decision.reviewer, decision.movie, decision.genre) == (
        reviewer,
        suggestion.movie,
        suggestion.genre,
    )
    assert (decision.suggestion, decision.verdict) == (suggestion, "accepted")
    assert (decision.score, decision.threshold) == (0.81, 0.55)


def test_many_are_decided_at_once_and_decided_ones_left_alone(reviewer: Any) -> None:
    made = [suggested(MovieFactory(), "Drama") for _ in range(3)]
    review.reject(made[:1], reviewer)
    assert review.accept(Suggestion.objects.all(), reviewer) == 2
    assert decisions() == [("Drama", "rejected"), ("Drama", "accepted"), ("Drama", "accepted")]


@pytest.mark.parametrize("state", [State.ACCEPTED, State.REJECTED, State.SUPERSEDED])
def test_only_what_is_pending_can_be_decided(reviewer: Any, state: str) -> None:
    suggestion = SuggestionFactory(state=state)
    assert review.accept([suggestion], reviewer) == review.reject([suggestion], reviewer) == 0
    suggestion.refresh_from_db()
    assert suggestion.state == state
    assert not ReviewDecision.objects.exists()


def test_of_two_reviewers_who_saw_the_same_page_the_first_decides(reviewer: Any) -> None:
    suggestion = suggested(MovieFactory(), "Drama")
    seen_by_another = Suggestion.objects.get(pk=suggestion.pk)
    assert review.accept([suggestion], reviewer) == 1
    assert review.reject([seen_by_another], UserFactory()) == 0
    assert genres_of(suggestion.movie) == {"Drama": "accepted"}
    assert ReviewDecision.objects.get().reviewer == reviewer


def test_accepting_a_genre_that_an_import_brought_meanwhile_keeps_its_origin(reviewer: Any) -> None:
    movie = MovieFactory(genres=["Drama"])
    review.accept([suggested(movie, "Drama")], reviewer)
    assert genres_of(movie) == {"Drama": "imported"}


def test_setting_genres_decides_what_is_pending_and_writes_down_the_rest(reviewer: Any) -> None:
    movie = MovieFactory(genres=["War", "Crime"])
    accepted, rejected = suggested(movie, "Drama", 0.9), suggested(movie, "Comedy", 0.7)
    GenreFactory(name="Horror")
    wanted = Genre.objects.filter(name__in=["Drama", "War", "Horror"])
    review.set_genres(movie, wanted, reviewer)
    assert genres_of(movie) == {"Drama": "manual", "Horror": "manual", "War": "manual"}
    accepted.refresh_from_db()
    rejected.refresh_from_db()
    assert (accepted.state, rejected.state) == (State.ACCEPTED, State.REJECTED)
    assert sorted(decisions()) == [
        ("Comedy", "rejected"),
        ("Crime", "removed"),
        ("Drama", "accepted"),
        ("Drama", "added"),
        ("Horror", "added"),
        ("War", "added"),
    ]
    before = dict(ReviewDecision.objects.filter(verdict="added").values_list("genre__name", "origin_before"))
    assert before == {"Drama": "accepted", "Horror": "none", "War": "imported"}
    movie.refresh_from_db()
    assert movie.genres_locked


def test_setting_the_same_genres_again_writes_nothing_down(reviewer: Any) -> None:
    movie, wanted = MovieFactory(), [GenreFactory(name="Drama")]
    review.set_genres(movie, wanted, reviewer)
    review.set_genres(movie, wanted, reviewer)
    assert decisions() == [("Drama", "added")]


def test_a_person_can_say_that_a_movie_has_no_genre(reviewer: Any) -> None:
    movie = MovieFactory(genres=["Drama"])
    review.set_genres(movie, [], reviewer)
    assert genres_of(movie) == {}
    assert decisions() == [("Drama", "removed")]


def test_the_queue_has_the_most_confident_first_each_movie_once() -> None:
    low, high = MovieFactory(), MovieFactory()
    suggested(low, "Drama", 0.7)
    suggested(high, "Comedy", 0.65)
    best = suggested(high, "War", 0.95)
    SuggestionFactory(state=State.REJECTED, score=0.99)
    MovieFactory()
    queue = review.cards([row["movie_id"] for row in review.review_queue()])
    assert queue == [high, low]
    pending = [row for movie in queue for row in movie.pending_suggestions]  # type: ignore[attr-defined]
    assert pending[0] == best
    assert [row.score for row in pending] == [0.95, 0.65, 0.7]


def test_the_queue_takes_the_same_few_queries_however_long_it_is(django_assert_num_queries: Any) -> None:
    for _ in range(5):
        movie = MovieFactory(poster=True)
        suggested(movie, "Drama")
        suggested(movie, "War")
    with django_assert_num_queries(6):
        for waiting in review.cards([row["movie_id"] for row in review.review_queue()]):
            assert waiting.primary_poster
            assert [row.genre.name for row in waiting.pending_suggestions]  # type: ignore[attr-defined]


def test_cards_read_of_suggestions_and_posters_only_what_they_show() -> None:
    for _ in range(2):
        suggested(MovieFactory(poster=True), "Drama")
    one, other = review.cards([row["movie_id"] for row in review.review_queue()])
    [first], [second] = one.pending_suggestions, other.pending_suggestions  # type: ignore[attr-defined]
    assert first.genre is second.genre
    assert {"text_version", "created_at"} <= first.get_deferred_fields()
    assert {"attribution", "fetched_at"} <= one.primary_poster.get_deferred_fields()


def test_a_movie_that_was_merged_away_is_not_in_the_queue() -> None:
    suggested(MovieFactory(merged_into=MovieFactory()), "Drama")
    assert not review.review_queue().exists()


@pytest.fixture
def decision(reviewer: Any) -> ReviewDecision:
    review.accept([SuggestionFactory()], reviewer)
    return ReviewDecision.objects.get()


def test_code_cannot_change_or_delete_a_decision(decision: ReviewDecision) -> None:
    decision.verdict = "rejected"
    for attempt in (
        decision.save,
        decision.delete,
        lambda: ReviewDecision.objects.update(verdict="rejected"),
        lambda: ReviewDecision.objects.all().delete(),
        lambda: ReviewDecision.objects.bulk_update([decision], ["verdict"]),
    ):
        with pytest.raises(AppendOnlyError), transaction.atomic():
            attempt()
    assert ReviewDecision.objects.get().verdict == "accepted"


def test_the_database_itself_refuses_to_change_one(decision: ReviewDecision) -> None:
    change = "UPDATE catalog_reviewdecision SET verdict = 'rejected'"
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        connection.cursor().execute(change)
    assert ReviewDecision.objects.get().verdict == "accepted"


def test_a_suggestion_is_decided_once_in_the_database_too(decision: ReviewDecision) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        ReviewDecision.objects.create(
            reviewer=decision.reviewer,
            movie=decision.movie,
            genre=decision.genre,
            suggestion=decision.suggestion,
            verdict="rejected",
        )


def test_what_decisions_rest_on_cannot_be_deleted(decision: ReviewDecision) -> None:
    for row in (decision.movie, decision.reviewer, decision.genre):
        with pytest.raises(DatabaseError):
            row.delete()


def test_a_decision_locks_the_movie_before_the_suggestion_as_labelling_does(reviewer: Any) -> None:
    suggestion = suggested(MovieFactory(), "Drama")
    with CaptureQueriesContext(connection) as asked:
        review.accept([suggestion], reviewer)
    tables = [sql["sql"].split('"')[1] for sql in asked if "catalog_" in sql["sql"]]
    assert tables[:2] == ["catalog_movie", "catalog_suggestion"]


@pytest.mark.parametrize(
    "selection",
    [
        review.Selection(),
        review.Selection(last=0),
        review.Selection("ember", 3, 0.0, True, 9),
        review.Selection(min_score=0.5),
    ],
)
def test_a_selection_is_restored_from_json(selection: review.Selection) -> None:
    assert review.Selection(**selection.as_json()) == selection and str(selection)
