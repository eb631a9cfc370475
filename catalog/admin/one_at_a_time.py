"""Pages that show one movie after the other: which comes next, and skipping one for this session."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.genres import assignment

from .model_admin import current_user, numbers

# A session remembers no more than this.
MOST_SKIPPED = 500


def next_movie(request: HttpRequest, waiting: QuerySet[Any, Any], key: str) -> int | None:
    """The movie that `movie` in the query string names, or else the first that nobody else has open.

    waiting: ordered rows of `movie_id`. key: of the session, for those that were skipped; they come last. The
    movie is reserved for the reviewer. None if there is none.
    """
    skipped = request.session.get(key, [])
    named = waiting.filter(movie__in=numbers([request.GET.get("movie", "")]))
    for rows in (named, waiting.exclude(movie__in=skipped), waiting.filter(movie__in=skipped)):
        if found := assignment.assign(current_user(request), rows, 1):
            return found[0]
    return None


def skip(request: HttpRequest, movie_id: int, key: str) -> None:
    """Let the movie come last in this session."""
    before = [pk for pk in request.session.get(key, []) if pk != movie_id]
    request.session[key] = [*before, movie_id][-MOST_SKIPPED:]
