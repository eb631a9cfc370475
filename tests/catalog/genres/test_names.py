"""Genres by name: one row for all spellings of a genre."""

from __future__ import annotations

import pytest

from catalog.genres.names import genre_rows, keys_of, slug_of
from catalog.models import Genre
from tests.factories import GenreFactory

pytestmark = pytest.mark.django_db


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
