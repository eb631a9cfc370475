"""What lists of movies show of each: title, year, genres and the poster's pictures, without whole rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.core.files.storage import default_storage
from django.db.models import QuerySet

from catalog.models import Movie, MovieGenre, Poster


class Picture(NamedTuple):
    """The addresses of a poster's smaller pictures, and the size of the largest one in pixels."""

    thumbnail: str
    medium: str
    width: int
    height: int


class Tile(NamedTuple):
    """A movie in a list. genres: names in alphabetical order. picture: None without a poster."""

    pk: int
    title: str
    year: int | None
    genres: list[str]
    picture: Picture | None


def tiles(movies: QuerySet[Movie]) -> list[Tile]:
    """The tiles of these movies, in their order. Takes three queries."""
    rows = list(movies.values_list("pk", "title", "year"))
    keys = [pk for pk, _, _ in rows]
    pictures, genres = pictures_of(keys), genres_of(keys)
    return [Tile(pk, title, year, genres.get(pk, []), pictures.get(pk)) for pk, title, year in rows]


def pictures_of(movie_ids: Iterable[int]) -> dict[int, Picture]:
    """The picture of the poster that each movie shows, as `Movie.primary_poster`."""
    posters = Poster.objects.filter(movie__in=movie_ids).order_by("is_primary", "fetched_at", "pk")
    # The last one of a movie counts.
    shown = {movie: rest for movie, *rest in posters.values_list("movie", *Picture._fields)}
    url = default_storage.url
    return {
        movie: Picture(url(thumbnail), url(medium), width, height)
        for movie, (thumbnail, medium, width, height) in shown.items()
    }


def genres_of(movie_ids: Iterable[int]) -> dict[int, list[str]]:
    """The names of each movie's genres, in alphabetical order."""
    names: dict[int, list[str]] = {}
    rows = MovieGenre.objects.filter(movie__in=movie_ids).order_by("genre__name")
    for movie, name in rows.values_list("movie", "genre__name"):
        names.setdefault(movie, []).append(name)
    return names
