"""Django admin: the catalogue, runs, genre models, duplicates, and the review of suggestions."""

from . import (
    decision_batch,
    duplicate,
    extractor,
    genre,
    genre_model,
    movie,
    poster,
    review_queue,
    run,
    suggestion,
)

__all__ = [
    "decision_batch",
    "duplicate",
    "extractor",
    "genre",
    "genre_model",
    "movie",
    "poster",
    "review_queue",
    "run",
    "suggestion",
]
