"""Names of genres: their canonical spelling, and one row for all spellings of a genre."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.genres.names import MAX_NAME_LENGTH, canonical_genre, genre_rows, keys_of, slug_of
from catalog.models import Genre
from catalog.titles.formats._cells import InvalidCell, parse_genres
from tests.factories import GenreFactory


@pytest.mark.django_db
def test_genres_of_other_scripts_are_kept_apart() -> None:
    names = ["Драма", "Комедия", "SF漫画", "SF", "Sci-Fi", "Comédie", "???"]
    rows = genre_rows(names)
    assert [row.name for row in rows] == names
    assert len({row.slug for row in rows}) == len(names)
    for row in rows:
        row.full_clean()
    assert [row.pk for row in genre_rows(names)] == [row.pk for row in rows]


@pytest.mark.django_db
def test_two_spellings_with_one_slug_are_one_genre() -> None:
    [one, other] = genre_rows(["Sci-Fi", "sci fi"])
    assert one == other
    assert (one.name, slug_of("sci fi")) == ("sci fi", "sci-fi")


@pytest.mark.django_db
def test_a_genre_with_a_slug_of_a_persons_own_is_found_by_its_name() -> None:
    own = Genre.objects.create(name="Film-Noir", slug="noir")
    assert genre_rows(["Film-Noir", "Drama"])[0] == own
    assert Genre.objects.count() == 2


@pytest.mark.django_db
def test_a_genre_made_by_hand_in_another_spelling_is_the_one_that_models_and_sources_mean() -> None:
    by_hand = GenreFactory(name="Science Fiction", slug="science-fiction")
    drama = GenreFactory(name="Drama")
    assert genre_rows(["Sci-Fi", "Drama"]) == [by_hand, drama]
    assert keys_of(["Sci-Fi", "Drama", "War"]) == ["science-fiction", "drama", "war"]
    assert not Genre.objects.filter(slug="war").exists()
    # Where both are there, each name means its own.
    own = GenreFactory(name="Sci-Fi", slug="sci-fi")
    assert genre_rows(["Sci-Fi", "Science Fiction"]) == [own, by_hand]


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["Sci-Fi", "Science Fiction", "sci fi", "SCIFI", "science-fiction", " Sci-Fi\xa0"], "Sci-Fi"),
        (["Film-Noir", "Film Noir", "film noir", "Noir"], "Film-Noir"),
        (["Children", "children", "Children's", "Children’s", "CHILDRENS"], "Children"),
        (["Drama", "drama", "DRAMA", "\u2009drama \n"], "Drama"),
        (["TV Movie", "tv movie", "TV-Movie"], "TV Movie"),
        (["IMAX", "imax"], "IMAX"),
        (["Musical"], "Musical"),
        (["Music"], "Music"),
        (["Family"], "Family"),
        (["Sport", "Sports"], "Sport"),
        (["flip flops", "FLIP FLOPS", "Flip Flops"], "Flip Flops"),
        (["boots", "BOOTS"], "Boots"),
        (["K-drama"], "K-drama"),
        (["slice of life/comedy"], "Slice Of Life/Comedy"),
        (["élégie"], "Élégie"),
        (["R&B"], "R&B"),
    ],
)
def test_spellings_of_one_genre_are_one(texts: list[str], name: str) -> None:
    assert {canonical_genre(text) for text in texts} == {name}


@pytest.mark.parametrize(
    "text", ["", "  ", "\xa0", "(no genres listed)", "(No Genres Listed)", "N/A", "nan", "-"]
)
def test_no_genre_is_none(text: str) -> None:
    assert canonical_genre(text) is None


@pytest.mark.parametrize("text", ["x" * (MAX_NAME_LENGTH + 1), "dra\x00ma", "drama\u202e", "dra\x1bma"])
def test_an_impossible_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="genre name"):
        canonical_genre(text)


@pytest.mark.slow
@given(st.text(max_size=80))
@example("0 ß")
@example("ŉŉŉŉ")
@example("İ" * 50)
@example("ΣΑΣΣ ΑΣ")
def test_a_canonical_name_is_its_own_canonical_name(text: str) -> None:
    try:
        name = canonical_genre(text)
    except ValueError:
        return
    if name is not None:
        assert name == name.strip() != ""
        assert canonical_genre(name) == name


@pytest.mark.parametrize(
    ("cell", "genres"),
    [
        ("Children|Fantasy", ("Children", "Fantasy")),
        ("action, sci fi,  drama", ("Action", "Sci-Fi", "Drama")),
        ("Action;Drama", ("Action", "Drama")),
        ("Action, Adult|Drama", ("Action, Adult", "Drama")),
        ("Sci-Fi|Science Fiction|sci fi", ("Sci-Fi",)),
        ("|Drama||", ("Drama",)),
        ("(no genres listed)", ()),
        ("", ()),
    ],
)
def test_a_cell_is_split_by_pipes_else_by_commas(cell: str, genres: tuple[str, ...]) -> None:
    assert parse_genres(cell) == genres


def test_a_cell_of_a_thousand_genres_is_refused() -> None:
    with pytest.raises(InvalidCell, match="1000 genres"):
        parse_genres("|".join(str(n) for n in range(1000)))
