"""The review queue: the same movies, seen as work for a reviewer."""

from __future__ import annotations

from .movie import Movie


class ReviewQueue(Movie):
    """A movie with pending suggestions, a model so that Django admin has a page of its own for the queue."""

    class Meta:
        proxy = True
        verbose_name = "review queue"
        verbose_name_plural = "review queue"
        default_permissions = ()
