"""Titles and predictions as flat tables, row by row, for spreadsheets and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import QuerySet

from catalog.models import Movie, Suggestion

Kind = Literal["id", "text", "texts", "number", "real", "yes", "moment"]
ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class Sheet:
    """A flat table. columns: the kind of each by its name; an `id` is never empty, `texts` is a list, a
    `moment` an aware datetime. rows: makes them anew, each a tuple in that order; count: how many there are.
    """

    name: str
    columns: dict[str, Kind]
    rows: Callable[[], Iterator[tuple[Any, ...]]]
    count: Callable[[], int]


TITLES: dict[str, Kind] = {
    "id": "id",
    "imdb_id": "text",
    "tmdb_id": "number",
    "movielens_id": "number",
    "local_id": "text",
    "title": "text",
    "original_title": "text",
    "year": "number",
    "franchise": "text",
    "genres": "texts",
    "genre_origins": "texts",
    "poster_source": "text",
    "poster_width": "number",
    "poster_height": "number",
    "poster_url": "text",
    "poster_page_url": "text",
    "page": "text",
}
PREDICTIONS: dict[str, Kind] = {
    "id": "id",
    "movie_id": "id",
    "imdb_id": "text",
    "tmdb_id": "number",
    "title": "text",
    "year": "number",
    "genre": "text",
    "score": "real",
    "threshold": "real",
    "sure": "yes",
    "state": "text",
    "model_version": "number",
    "suggested_at": "moment",
    "decided_by": "text",
    "decided_at": "moment",
}


def titles(movies: QuerySet[Movie] | None = None) -> Sheet:
    """A row for each of `movies`, else of all but those merged away, by id; the poster is the one shown."""
    chosen = Movie.objects.order_by("pk") if movies is None else movies
    return Sheet("titles", TITLES, lambda: _titles(chosen), chosen.count)


def predictions() -> Sheet:
    """A row for each suggestion that a genre model ever made, by id, with who decided about it and when."""
    suggestions = Suggestion.objects.order_by("pk")
    return Sheet("predictions", PREDICTIONS, lambda: _predictions(suggestions), suggestions.count)


def _titles(movies: QuerySet[Movie]) -> Iterator[tuple[Any, ...]]:
    whole = movies.prefetch_related(None).prefetch_related("movie_genres__genre", "posters")
    for movie in whole.iterator(chunk_size=ROWS_AT_ONCE):
        genres = sorted((row.genre.name, row.origin) for row in movie.movie_genres.all())
        poster = movie.primary_poster
        yield (
            movie.pk,
            movie.imdb_id,
            movie.tmdb_id,
            movie.movielens_id,
            movie.local_id,
            movie.title,
            movie.original_title or None,
            movie.year,
            movie.franchise or None,
            [name for name, _ in genres],
            [origin for _, origin in genres],
            *(
                (None,) * 5
                if poster is None
                else (
                    poster.source,
                    poster.width,
                    poster.height,
                    poster.source_url or None,
                    poster.page_url or None,
                )
            ),
            movie.get_absolute_url(),
        )


def _predictions(suggestions: QuerySet[Suggestion]) -> Iterator[tuple[Any, ...]]:
    # A suggestion has one decision at most.
    return suggestions.values_list(
        "pk",
        "movie",
        "movie__imdb_id",
        "movie__tmdb_id",
        "movie__title",
        "movie__year",
        "genre__name",
        "score",
        "threshold",
        "sure",
        "state",
        "model__version",
        "created_at",
        "decisions__reviewer__username",
        "decided_at",
    ).iterator(chunk_size=ROWS_AT_ONCE)
