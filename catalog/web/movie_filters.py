"""Genre filter and order of lists of movies, shared by the wall and the API."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from django.db.models import Count, Exists, F, OuterRef, QuerySet
from django.db.models.expressions import OrderBy

from catalog.counts import movie_count, public_counts
from catalog.models import Genre, Movie, MovieGenre
from catalog.search import SearchResult
from catalog.tiles import Tile
from catalog.web.brief_cache import briefly

UNTAGGED = "untagged"
FILMS_PER_PAGE = 50  # roughly: the wall and the API differ
_SLUG = re.compile(r"[\w-]{0,60}", re.ASCII)
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
    if order == BEST:
        return in_genre(found.best_first(), slug)
    movies = found.movies
    if not found.where:
        # The same as `Movie.objects`, but an index of the order has the id and not whether the movie is
        # merged, so rows before the page are not read.
        merged = Movie.everything.filter(merged_into__isnull=False).order_by().values("pk")
        movies = Movie.everything.exclude(pk__in=merged)
        if slug and _is_frequent(slug):
            # In the chosen order until the page is full, instead of sorting all movies of the genre.
            held = MovieGenre.objects.filter(movie=OuterRef("pk"), genre__slug=slug)
            return movies.filter(Exists(held)).order_by(*ORDERS[order][1])
    return in_genre(movies.order_by(*ORDERS[order][1]), slug)


def _is_frequent(slug: str) -> bool:
    """Whether a page of the genre is found sooner among all movies than by sorting those of the genre."""
    films = next((genre.films for genre in all_genres() if genre.slug == slug), 0)  # type: ignore[attr-defined]
    return bool(films**2 > FILMS_PER_PAGE * recent_counts()["movies"])


def genres_with_films(movies: QuerySet[Movie] | None = None) -> list[Genre]:
    """Genres of the movies (None means all movies) by name, with their number of movies as `films`."""
    rows = MovieGenre.objects.order_by()
    if movies is not None:
        rows = rows.filter(movie__in=movies.order_by().values("pk"))
    counts = dict(rows.values_list("genre").annotate(Count("pk")))
    return _with_films({genre: counts[genre.pk] for genre in Genre.objects.all() if genre.pk in counts})


def genres_of_tiles(movies: Iterable[Tile]) -> list[Genre]:
    """The same as `genres_with_films` for movies whose tiles are known."""
    counts = Counter(name for movie in movies for name in movie.genres)
    return _with_films({genre: counts[genre.name] for genre in Genre.objects.filter(name__in=counts)})


def _with_films(counts: Mapping[Genre, int]) -> list[Genre]:
    for genre, films in counts.items():
        genre.films = films  # type: ignore[attr-defined]
    return list(counts)


def all_genres() -> list[Genre]:
    """`genres_with_films` of all movies, a few seconds old at most."""
    return briefly("genres-with-films", genres_with_films)


def recent_counts() -> dict[str, int]:
    """The public counts, a few seconds old at most."""
    return briefly("public-counts", public_counts)


def count_of(movies: QuerySet[Movie], text: str, slug: str) -> int:
    """The number of these movies. Without a search it is a few seconds old at most."""
    if text or not _SLUG.fullmatch(slug):
        return movies.count()
    return briefly(f"movies-in-genre:{slug}", movies.order_by().count if slug else movie_count)
