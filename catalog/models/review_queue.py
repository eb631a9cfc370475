"""The review queue: movies with pending suggestions."""

from __future__ import annotations

from .movie import Movie


class ReviewQueue(Movie):
    """A movie with pending suggestions: a proxy model, so that the admin has a page for the queue."""

    class Meta:
        proxy = True
        verbose_name = "review queue"
        verbose_name_plural = "review queue"
        default_permissions = ()
