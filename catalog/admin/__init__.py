"""Django admin: the catalogue behind the scenes, and where suggestions are reviewed."""

from . import (
    duplicate,
    extractor,
    genre,
    genre_model,
    movie,
    placeholder,
    poster,
    review_queue,
    run,
    suggestion,
)

__all__ = [
    "duplicate",
    "extractor",
    "genre",
    "genre_model",
    "movie",
    "placeholder",
    "poster",
    "review_queue",
    "run",
    "suggestion",
]
