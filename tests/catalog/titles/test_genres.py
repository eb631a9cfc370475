"""Genres of imported titles: manual over imported over accepted; human decisions stay."""

from __future__ import annotations

import pytest

from catalog.models import Movie, MovieGenre
from catalog.titles.formats.records import TitleRecord
from catalog.titles.importing import import_titles
from tests.factories import GenreFactory, MovieFactory

pytestmark = pytest.mark.django_db

IMPORTED, MANUAL, ACCEPTED = (
    MovieGenre.Origin.IMPORTED,
    MovieGenre.Origin.MANUAL,
    MovieGenre.Origin.ACCEPTED,
)


def tagged(**origins: str) -> Movie:
    movie = MovieFactory(tmdb_id=7)
    for name, origin in origins.items():
        MovieGenre.objects.create(movie=movie, genre=GenreFactory(name=name), origin=origin)
    return movie


def after_import(*genres: str) -> dict[str, str]:
    import_titles([TitleRecord("Film", genres=genres, tmdb_id=7)], "test")
    rows = MovieGenre.objects.filter(movie__tmdb_id=7).select_related("genre")
    return {row.genre.name: row.origin for row in rows}


def test_an_import_replaces_imported_genres() -> None:
    tagged(Drama=IMPORTED, War=IMPORTED)
    assert after_import("Drama", "Crime") == {"Drama": IMPORTED, "Crime": IMPORTED}


def test_an_import_keeps_manual_genres() -> None:
    tagged(Drama=MANUAL, War=IMPORTED)
    assert after_import("Drama", "Crime") == {"Drama": MANUAL, "Crime": IMPORTED}


def test_an_import_keeps_accepted_genres_and_takes_over_those_it_contains() -> None:
    tagged(Drama=ACCEPTED, War=ACCEPTED)
    assert after_import("Drama") == {"Drama": IMPORTED, "War": ACCEPTED}


def test_a_row_without_genres_removes_none() -> None:
    tagged(Drama=IMPORTED)
    assert after_import() == {"Drama": IMPORTED}


def test_locked_genres_stay() -> None:
    movie = tagged(Drama=MANUAL)
    Movie.objects.filter(pk=movie.pk).update(genres_locked=True)
    assert after_import("War", "Crime") == {"Drama": MANUAL}


def test_only_a_change_of_genres_counts_as_a_change() -> None:
    row = TitleRecord("Film", genres=("Drama", "War"), tmdb_id=7)
    assert [
        str(import_titles([record], "test")[1])
        for record in (row, row, TitleRecord("Film", genres=("War",), tmdb_id=7))
    ] == [
        "1 created, 0 changed, 0 unchanged, 0 conflicting, 0 rejected.",
        "0 created, 0 changed, 1 unchanged, 0 conflicting, 0 rejected.",
        "0 created, 1 changed, 0 unchanged, 0 conflicting, 0 rejected.",
    ]


def test_a_movie_twice_in_one_batch_has_the_genres_of_its_last_row() -> None:
    tagged(Drama=IMPORTED)
    rows = [TitleRecord("Film", genres=genres, tmdb_id=7) for genres in (("War",), ("Crime",))]
    import_titles(rows, "test")
    assert [genre.name for genre in Movie.objects.get(tmdb_id=7).genres.all()] == ["Crime"]
