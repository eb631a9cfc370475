"""Genre filter and order of lists of movies, shared by the wall and the API."""

from __future__ import annotations

from django.db.models import Count, F, Q, QuerySet
from django.db.models.expressions import OrderBy

from catalog.models import Genre, Movie
from catalog.search import SearchResult

UNTAGGED = "untagged"
BEST, NEW = "best", "new"

ORDERS: dict[str, tuple[str, tuple[str | OrderBy, ...]]] = {
    BEST: ("Best match", ()),
    NEW: ("Newest", ("-created_at", "-pk")),
    "title": ("Title", ("title", "year", "pk")),
    "year": ("Year", (F("year").desc(nulls_last=True), "title", "pk")),
}


def in_genre(movies: QuerySet[Movie], slug: str) -> QuerySet[Movie]:
    """The movies of one genre; `untagged` means those without genres, an empty slug all of them."""
    if slug == UNTAGGED:
        return movies.filter(movie_genres__isnull=True)
    if "\0" in slug:
        return movies.none()  # PostgreSQL rejects such text, even in a query
    return movies.filter(movie_genres__genre__slug=slug) if slug else movies


def chosen_order(order: str, text: str) -> str:
    """`order` if it is one of ORDERS, else the default: best match while searching, newest otherwise."""
    if order in ORDERS and (text or order != BEST):
        return order
    return BEST if text else NEW


def ordered(found: SearchResult, slug: str, order: str) -> QuerySet[Movie]:
    """The movies found, filtered by genre (see `in_genre`), in one of ORDERS."""
    movies = found.best_first() if order == BEST else found.movies.order_by(*ORDERS[order][1])
    return in_genre(movies, slug)


def genres_with_films(movies: QuerySet[Movie] | None = None) -> QuerySet[Genre]:
    """Genres of the movies (None means all movies), annotated with their number of movies as `films`."""
    among = None if movies is None else Q(movie_genres__movie__in=movies.order_by().values("pk"))
    return (
        Genre.objects.annotate(films=Count("movie_genres", filter=among)).filter(films__gt=0).order_by("name")
    )
