"""The review queue: the same movies, seen as work for a reviewer."""

from __future__ import annotations

from .movie import Movie


class ReviewQueue(Movie):
    """A movie with pending suggestions. It exists so that Django admin has a page, and a permission, of its own for it."""

    class Meta:
        proxy = True
        verbose_name = "review queue"
        verbose_name_plural = "review queue"
        default_permissions = ()
