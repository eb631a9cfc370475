"""Django admin: the catalogue behind the scenes, and where suggestions are reviewed."""

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
