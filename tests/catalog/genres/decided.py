"""Suggestions that reviewers decided, many at once."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from catalog.models import DecisionBatch, Genre, GenreModel, Movie, ReviewDecision, Suggestion
from tests.factories import GenreFactory, MovieFactory, UserFactory


def decide(
    model: GenreModel,
    accepted: int = 0,
    rejected: int = 0,
    *,
    genre: Genre | str = "Drama",
    score: float = 0.8,
    tick: bool = True,
    reviewer: Any = None,
    batch: DecisionBatch | None = None,
) -> list[ReviewDecision]:
    """Decisions on suggestions of the model, each for a movie of its own."""
    genre = GenreFactory(name=genre) if isinstance(genre, str) else genre
    reviewer = reviewer or UserFactory()
    verdicts = ["accepted"] * accepted + ["rejected"] * rejected
    movies = Movie.objects.bulk_create([Movie(title=f"Film {number}") for number in range(len(verdicts))])
    suggestions = Suggestion.objects.bulk_create(
        [
            Suggestion(
                movie=movie,
                genre=genre,
                model=model,
                score=score,
                threshold=0.4,
                tick=tick,
                state=verdict,
                decided_at=timezone.now(),
            )
            for movie, verdict in zip(movies, verdicts, strict=True)
        ]
    )
    return ReviewDecision.objects.bulk_create(
        [
            ReviewDecision(
                reviewer=reviewer,
                movie=each.movie,
                genre=genre,
                suggestion=each,
                verdict=each.state,
                score=score,
                threshold=0.4,
                batch=batch,
                origin_before=ReviewDecision.NO_GENRE,
            )
            for each in suggestions
        ]
    )


def suggest(model: GenreModel, number: int, *, score: float, tick: bool = True, genre: str = "Drama") -> None:
    """Pending suggestions of the model, each for a movie of its own."""
    drama = GenreFactory(name=genre)
    for _ in range(number):
        Suggestion.objects.create(
            movie=MovieFactory(), genre=drama, model=model, score=score, threshold=0.4, tick=tick
        )
