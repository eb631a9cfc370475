"""The history of a movie's genres, and reverting decisions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from catalog.duplicates import decisions as duplicates
from catalog.genres import decision_batches, review
from catalog.genres.history import Change, history, revert
from catalog.models import DuplicateGroup, ImportChange, Movie, ReviewDecision, Run
from tests.factories import (
    GenreFactory,
    GenreModelFactory,
    MovieFactory,
    RunFactory,
    SuggestionFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def shown(changes: list[Change]) -> list[tuple[str, str, str, str | None, str | None]]:
    return [(each.who, each.what, each.genre, each.before, each.after) for each in changes]


def genres(movie: Movie) -> dict[str, str]:
    return dict(movie.movie_genres.values_list("genre__name", "origin"))


def test_decisions_with_origin_and_person() -> None:
    movie = MovieFactory(genres=["War"])
    drama = SuggestionFactory(movie=movie, genre__name="Drama")
    horror = SuggestionFactory(movie=movie, genre__name="Horror")
    review.accept([drama], UserFactory(username="ann"))
    review.reject([horror], UserFactory(username="bea"))
    review.set_genres(movie, [drama.genre, GenreFactory(name="Crime")], UserFactory(username="cleo"))
    changes = history(movie)
    assert sorted(shown(changes[:3])) == [
        ("cleo", "added by the reviewer", "Crime", "", "set by a person"),
        ("cleo", "kept by the reviewer", "Drama", "accepted suggestion", "set by a person"),
        ("cleo", "removed by the reviewer", "War", "imported", ""),
    ]
    assert shown(changes[3:]) == [
        ("bea", "rejected", "Horror", "", None),
        ("ann", "accepted", "Drama", "", "accepted suggestion"),
    ]


def test_genres_without_a_recorded_change_are_listed_too() -> None:
    [change] = history(MovieFactory(genres=["War"]))
    assert shown([change]) == [("", "imported", "War", None, "imported")]
    assert not change.can_be_reverted


def test_an_import_names_its_run_and_whether_it_was_undone() -> None:
    movie, run = MovieFactory(genres=["War"]), RunFactory(kind="import", asked_by=UserFactory(username="ann"))
    genre = movie.genres.get()
    row = ImportChange.objects.create(
        run=run,
        movie=movie,
        created=False,
        genres={str(genre.pk): ["accepted", "imported"], "999": [None, "imported"]},
    )
    war, unknown = history(movie)
    assert shown([war]) == [("ann", "imported", "War", "accepted suggestion", "imported")]
    assert (war.run, war.can_be_reverted) == (run, False) and unknown.genre == "genre no. 999"
    ImportChange.objects.filter(pk=row.pk).update(undone_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert "undone 1 Mar 2026" in history(movie)[0].note


def test_genres_of_a_merged_movie_and_decisions_on_it() -> None:
    reviewer = UserFactory(username="ann")
    kept, other = MovieFactory(tmdb_id=None), MovieFactory(title="Twin", imdb_id=None, genres=["War"])
    suggestion = SuggestionFactory(movie=other, genre__name="Drama")
    review.accept([suggestion], reviewer)
    group = DuplicateGroup.objects.create()
    for movie in (kept, other):
        group.members.create(movie=movie, reason="first")
    duplicates.merge(group, kept, reviewer)
    changes = history(kept)
    assert {(each.what, each.genre) for each in changes} == {
        ("merged", "War"),
        ("merged", "Drama"),
        ("accepted", "Drama"),
    }
    accepted = next(each for each in changes if each.what == "accepted")
    assert not accepted.can_be_reverted and str(other.pk) in accepted.note


def test_decisions_of_one_time_are_reverted_together() -> None:
    movie = MovieFactory(genres=["War"])
    drama = SuggestionFactory(movie=movie, genre__name="Drama")
    horror = SuggestionFactory(movie=movie, genre__name="Horror")
    war = movie.genres.get()
    ann = UserFactory(username="ann")
    review.decide_movie(movie, ann, accept={drama.pk}, reject={horror.pk}, remove={war.pk})
    assert genres(movie) == {"Drama": "accepted"}
    [together] = [each.together for each in history(movie) if each.together]
    assert len(together) == 3
    effects = revert(movie, together, UserFactory(username="bea"))
    assert not any(each.obstacle for each in effects)
    assert genres(movie) == {"War": "imported"}
    assert set(movie.suggestions.values_list("state", flat=True)) == {"pending"}
    changes = history(movie)
    assert not any(each.can_be_reverted for each in changes)
    assert {each.who for each in changes if each.what == "undone"} == {"bea"}
    removed = next(each for each in changes if each.what == "removed by the reviewer")
    assert "bea" in removed.obstacle


def test_saved_genres_can_be_reverted_as_a_whole() -> None:
    movie = MovieFactory(genres=["War", "Crime"])
    drama = SuggestionFactory(movie=movie, genre__name="Drama")
    kept = movie.genres.get(name="War")
    review.set_genres(movie, [kept, drama.genre, GenreFactory(name="Comedy")], UserFactory())
    assert genres(movie) == dict.fromkeys(["War", "Drama", "Comedy"], "manual")
    decisions = list(ReviewDecision.objects.values_list("pk", flat=True))
    effects = revert(movie, decisions, UserFactory())
    assert len(effects) == 5 and not any(each.obstacle for each in effects)
    assert genres(movie) == {"War": "imported", "Crime": "imported"}
    drama.refresh_from_db()
    movie.refresh_from_db()
    assert drama.state == "pending" and not movie.genres_locked
    assert not any(change.can_be_reverted for change in history(movie))


def test_a_kept_genre_gets_its_origin_back_alone() -> None:
    movie = MovieFactory(genres=["War"])
    review.set_genres(movie, movie.genres.all(), UserFactory())
    kept = ReviewDecision.objects.get()
    revert(movie, [kept.pk], UserFactory())
    assert genres(movie) == {"War": "imported"}
    assert ReviewDecision.objects.get(reverses=kept).origin_before == "manual"


def test_decisions_before_an_undone_one_can_be_reverted() -> None:
    reviewer, movie = UserFactory(), MovieFactory(genres=["War"])
    drama = GenreFactory(name="Drama")
    review.set_genres(movie, [*movie.genres.all(), drama], reviewer)
    review.set_genres(movie, [GenreFactory(name="War")], reviewer)
    added, removed = ReviewDecision.objects.filter(genre=drama).order_by("pk")
    assert revert(movie, [added.pk], reviewer)[0].obstacle
    assert not revert(movie, [removed.pk], reviewer)[0].obstacle
    assert not revert(movie, [added.pk], reviewer)[0].obstacle
    assert genres(movie).keys() == {"War"}


def test_what_changed_since_cannot_be_reverted() -> None:
    reviewer = UserFactory()
    suggestion = SuggestionFactory(genre__name="Drama")
    review.accept([suggestion], reviewer)
    movie = suggestion.movie
    movie.movie_genres.update(origin="imported")
    [change] = [each for each in history(movie) if each.decision]
    assert not change.can_be_reverted and "imported" in change.obstacle
    revert(movie, ReviewDecision.objects.values_list("pk", flat=True), reviewer)
    assert genres(movie) == {"Drama": "imported"}


def test_decisions_on_other_movies_and_undoing_are_not_reverted() -> None:
    reviewer, suggestion = UserFactory(), SuggestionFactory()
    review.accept([suggestion], reviewer)
    decision = suggestion.decisions.get()
    assert revert(MovieFactory(), [decision.pk], reviewer) == []
    decision_batches.undo([decision], reviewer)
    assert revert(suggestion.movie, suggestion.decisions.values_list("pk", flat=True), reviewer) == []


def test_a_suggestion_of_an_earlier_model_is_made_again() -> None:
    reviewer = UserFactory()
    suggestion = SuggestionFactory(model=GenreModelFactory(state="retired"))
    GenreModelFactory(state="active", parts=["poster", "title"])
    review.accept([suggestion], reviewer)
    revert(suggestion.movie, [suggestion.decisions.get().pk], reviewer)
    assert Run.objects.filter(kind="label").exists()


def test_the_number_of_queries_is_constant(django_assert_max_num_queries: object) -> None:
    movie, reviewer = MovieFactory(genres=["War"]), UserFactory()
    for name in ("Drama", "Horror", "Crime", "Comedy"):
        review.accept([SuggestionFactory(movie=movie, genre__name=name)], reviewer)
    review.set_genres(movie, [], reviewer)
    with time_machine.travel(datetime(2027, 1, 1, tzinfo=UTC)), django_assert_max_num_queries(15):  # type: ignore[operator]
        assert len(history(movie)) == 9
