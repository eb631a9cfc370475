"""Genres of imported titles: manual beats imported beats accepted, and nothing a person said is undone."""

from __future__ import annotations

import pytest

from catalog.genres.names import genre_rows, keys_of, slug_of
from catalog.models import Genre, Movie, MovieGenre
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


def test_an_import_keeps_what_a_person_set() -> None:
    tagged(Drama=MANUAL, War=IMPORTED)
    assert after_import("Drama", "Crime") == {"Drama": MANUAL, "Crime": IMPORTED}


def test_an_import_keeps_accepted_genres_and_becomes_the_origin_of_those_it_gives_itself() -> None:
    tagged(Drama=ACCEPTED, War=ACCEPTED)
    assert after_import("Drama") == {"Drama": IMPORTED, "War": ACCEPTED}


def test_an_untagged_row_takes_nothing_away() -> None:
    tagged(Drama=IMPORTED)
    assert after_import() == {"Drama": IMPORTED}


def test_genres_a_person_has_edited_are_left_alone() -> None:
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


def test_genres_of_other_scripts_are_kept_apart() -> None:
    names = ["Драма", "Комедия", "SF漫画", "SF", "Sci-Fi", "Comédie", "???"]
    rows = genre_rows(names)
    assert [row.name for row in rows] == names
    assert len({row.slug for row in rows}) == len(names)
    for row in rows:
        row.full_clean()
    assert [row.pk for row in genre_rows(names)] == [row.pk for row in rows]


def test_two_spellings_with_one_slug_are_one_genre() -> None:
    [one, other] = genre_rows(["Sci-Fi", "sci fi"])
    assert one == other
    assert (one.name, slug_of("sci fi")) == ("sci fi", "sci-fi")


def test_a_genre_with_a_slug_of_a_persons_own_is_found_by_its_name() -> None:
    own = Genre.objects.create(name="Film-Noir", slug="noir")
    assert genre_rows(["Film-Noir", "Drama"])[0] == own
    assert Genre.objects.count() == 2


def test_a_genre_made_by_hand_in_another_spelling_is_the_one_that_models_and_sources_mean() -> None:
    by_hand = GenreFactory(name="Science Fiction", slug="science-fiction")
    drama = GenreFactory(name="Drama")
    assert genre_rows(["Sci-Fi", "Drama"]) == [by_hand, drama]
    assert keys_of(["Sci-Fi", "Drama", "War"]) == ["science-fiction", "drama", "war"]
    assert not Genre.objects.filter(slug="war").exists()
    # Where both are there, each name means its own.
    own = GenreFactory(name="Sci-Fi", slug="sci-fi")
    assert genre_rows(["Sci-Fi", "Science Fiction"]) == [own, by_hand]
