"""Orders of the review queue: those from which models learn most, and those on which models disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import review_orders
from catalog.genres import orders
from catalog.genres.assignment import assign
from catalog.models import GenreModel, Movie, Suggestion
from ml.genres.evidence.model import Scored
from tests.factories import GenreFactory, GenreModelFactory, MovieFactory, SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db

PENDING = Suggestion.objects.filter(state=Suggestion.State.PENDING)


def film(title: str, **fields: Any) -> Movie:
    """A movie with suggestions: film("Ember", Drama=0.9). Thresholds are .3."""
    movie = MovieFactory(title=title)
    suggested(movie, **fields)
    return movie


def suggested(movie: Movie, model: GenreModel | None = None, state: str = "pending", **scores: float) -> None:
    more = {"model": model} if model else {}
    for genre, score in scores.items():
        SuggestionFactory(
            movie=movie, genre=GenreFactory(name=genre), score=score, threshold=0.3, state=state, **more
        )


def titles(rows: Any) -> list[str]:
    movies = Movie.objects.in_bulk([row["movie_id"] for row in rows])
    return [movies[row["movie_id"]].title for row in rows]


def informative() -> list[str]:
    return titles(orders.most_informative(PENDING.all()))


def test_scores_close_to_the_tick_point_come_first() -> None:
    film("Certain", Drama=0.97)
    film("Unlikely", Drama=0.31)
    film("Open", Drama=0.48)
    film("One open genre", Drama=0.9, Crime=0.474)
    assert informative()[:2] == ["One open genre", "Open"]
    assert informative()[2:] == ["Unlikely", "Certain"]


def test_genres_take_turns() -> None:
    for number in range(4):
        film(f"Western {number}", Western=0.48 + number / 1000)
    film("Drama 0", Drama=0.6)
    film("Crime 0", Crime=0.7)
    assert informative() == ["Western 0", "Drama 0", "Crime 0", "Western 1", "Western 2", "Western 3"]


def test_a_movie_is_listed_once() -> None:
    film("Ember", Drama=0.48, Crime=0.48, Horror=0.48)
    assert informative() == ["Ember"]


def test_the_pool_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "POOL", 2)
    for name, score in (("Far", 0.9), ("Near", 0.5), ("Nearer", 0.48)):
        film(name, Drama=score)
    assert informative() == ["Nearer", "Near"]


def test_only_pending_suggestions_of_movies_that_are_not_merged_count() -> None:
    done = film("Done", Drama=0.48)
    done.suggestions.update(state=Suggestion.State.REJECTED)
    merged, kept = film("Merged", Drama=0.5), film("Kept", Drama=0.6)
    Movie.objects.filter(pk=merged.pk).update(merged_into=kept)
    assert informative() == ["Kept"]


def test_reviewers_share_an_order() -> None:
    for number in range(6):
        film(f"Film {number}", **{"Drama" if number % 2 else "Crime": 0.5 + number / 100})
    queue = orders.most_informative(PENDING.all())
    everything = [row["movie_id"] for row in queue]
    hers, his = assign(UserFactory(), queue, 2), assign(UserFactory(), queue, 4)
    assert hers == everything[:2]
    assert sorted(his) == sorted(everything[2:])


@pytest.fixture
def models() -> tuple[GenreModel, GenreModel]:
    """The earlier model and the active one."""
    return GenreModelFactory(state="retired"), GenreModelFactory(state="active")


def disagreeing() -> list[str]:
    return titles(orders.disagreeing(PENDING.all()))


def test_movies_with_most_differences_come_first(models: tuple[GenreModel, GenreModel]) -> None:
    earlier, active = models
    for title, then, now in (
        ("Same", {"Drama": 0.9}, {"Drama": 0.8}),
        ("One gone", {"Drama": 0.9, "Crime": 0.9}, {"Drama": 0.8}),
        ("Exchanged", {"Drama": 0.9}, {"Horror": 0.6}),
        ("One new", {"Drama": 0.9}, {"Drama": 0.95, "War": 0.7}),
    ):
        movie = MovieFactory(title=title)
        suggested(movie, earlier, "superseded", **then)
        suggested(movie, active, "pending", **now)
    film("Never scored before", Drama=0.9)
    assert disagreeing() == ["Exchanged", "One new", "One gone"]


def test_without_an_earlier_model_nothing_disagrees(models: tuple[GenreModel, GenreModel]) -> None:
    film("Ember", Drama=0.9)
    assert disagreeing() == []


def test_superseded_suggestions_of_the_active_model_are_no_second_voice(
    models: tuple[GenreModel, GenreModel],
) -> None:
    movie = film("Ember", Drama=0.9)
    suggested(movie, models[1], "superseded", Crime=0.9)
    assert disagreeing() == []


def test_only_the_newest_of_earlier_models_is_compared(models: tuple[GenreModel, GenreModel]) -> None:
    movie = film("Ember", Drama=0.9)
    suggested(movie, models[0], "superseded", Crime=0.9)
    between = GenreModelFactory(state="retired")
    suggested(movie, between, "superseded", Drama=0.9)
    assert disagreeing() == []


def test_the_benchmark_simulates_the_same_order() -> None:
    random = np.random.default_rng(0)
    scores, count = random.random((30, 3)).astype(np.float32), 30
    movies = [MovieFactory() for _ in range(count)]
    genres = [GenreFactory(name=name) for name in ("Crime", "Drama", "War")]
    for row, column in np.argwhere(scores > 0.3).tolist():
        SuggestionFactory(
            movie=movies[row], genre=genres[column], score=float(scores[row, column]), threshold=0.3
        )
    cuts = np.full_like(scores, 0.3)
    scored = Scored(
        scores, np.ones((count, 4), dtype=bool), np.zeros((count, 3, 4), np.float32), cuts, cuts, cuts
    )
    simulated = [movies[row].pk for row in review_orders.most_informative(scored, random)]
    waiting = [row["movie_id"] for row in orders.most_informative(PENDING.all())]
    assert simulated[: len(waiting)] == waiting
