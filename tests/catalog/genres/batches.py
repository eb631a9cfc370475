"""Batches of decisions, and the state that they change."""

from __future__ import annotations

from typing import Any

from catalog.genres import decision_batches
from catalog.genres.review import Selection
from catalog.models import DecisionBatch, Movie, MovieGenre, Run, Suggestion
from catalog.runs import local_worker
from tests.factories import GenreFactory, MovieFactory, SuggestionFactory, UserFactory

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
