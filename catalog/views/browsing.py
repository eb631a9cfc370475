"""Which movies a visitor asked for: search, genre filter and order, the same on the wall and in the API."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from django.db.models import Count, F, Q, QuerySet
from django.db.models.expressions import OrderBy

from catalog.models import Genre, Movie

UNTAGGED = "untagged"
SEARCHED = ("title", "original_title", "franchise")
LONGEST_SEARCH = 100
MOST_WORDS = 8
LARGEST_ID = 2_147_483_647

ORDERS: dict[str, tuple[str, tuple[str | OrderBy, ...]]] = {
    "new": ("Newest", ("-created_at", "-pk")),
    "title": ("Title", ("title", "year", "pk")),
    "year": ("Year", (F("year").desc(nulls_last=True), "title", "pk")),
}


def matching(text: str) -> QuerySet[Movie]:
    """Movies with every word of `text` in their titles, series or year, or whose id it is.

    `tt123` and plain numbers are looked up among the external ids too. Case never matters; where the plain
    search finds nothing, accents do not either ("amelie" finds "Amélie").
    """
    movies = Movie.objects.all()
    text = " ".join(text.replace("\0", " ").split())[:LONGEST_SEARCH].strip()
    words = text.split()[:MOST_WORDS]
    if not words:
        return movies
    by_id = _by_id(text)
    # SQLite folds the case of ASCII letters only.
    if text.isascii():
        found = movies.filter(by_id | _by_words(words, "icontains"))
        if found.exists():
            return found
    return movies.filter(by_id | _by_words([unaccented_pattern(word) for word in words], "iregex"))


def in_genre(movies: QuerySet[Movie], slug: str) -> QuerySet[Movie]:
    """Those of one genre; `untagged` means those without any, and an empty slug all of them."""
    if slug == UNTAGGED:
        return movies.filter(movie_genres__isnull=True)
    if "\0" in slug:
        return movies.none()  # PostgreSQL takes no such text, not even to find nothing
    return movies.filter(movie_genres__genre__slug=slug) if slug else movies


def ordered(movies: QuerySet[Movie], order: str) -> QuerySet[Movie]:
    return movies.order_by(*ORDERS[order][1])


def genres_with_films() -> QuerySet[Genre]:
    """Genres that at least one film has, each with the number of them as `films`."""
    return Genre.objects.annotate(films=Count("movie_genres")).filter(films__gt=0).order_by("name")


def unaccented_pattern(word: str) -> str:
    """A pattern for SQLite and PostgreSQL in which every Latin letter matches its accented forms."""
    return "".join(
        f"[{accented_forms()[letter]}]" if letter in accented_forms() else re.escape(letter)
        for letter in (_plain(character) for character in word.lower())
    )


@cache
def accented_forms() -> dict[str, str]:
    """a -> "aàáâ…": every letter of the Latin blocks by the ASCII letter it is drawn upon."""
    forms = {chr(code): chr(code) for code in range(ord("a"), ord("z") + 1)}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        plain = _plain(chr(code)).lower()
        if plain in forms:
            forms[plain] += chr(code)
    return forms


def _plain(character: str) -> str:
    return unicodedata.normalize("NFKD", character)[:1] or character


def _by_id(text: str) -> Q:
    query = Q(local_id=text)
    if re.fullmatch(r"tt\d{5,10}", text, re.IGNORECASE | re.ASCII):
        query |= Q(imdb_id=text.lower())
    if re.fullmatch(r"\d{1,10}", text, re.ASCII) and int(text) <= LARGEST_ID:
        query |= Q(tmdb_id=int(text)) | Q(movielens_id=int(text))
    return query


def _by_words(words: list[str], lookup: str) -> Q:
    query = Q()
    for word in words:
        found = Q()
        for field in SEARCHED:
            found |= Q(**{f"{field}__{lookup}": word})
        if re.fullmatch(r"(18|19|20|21)\d\d", word, re.ASCII):
            found |= Q(year=int(word))
        query &= found
    return query
