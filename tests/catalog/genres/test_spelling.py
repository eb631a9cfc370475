"""One spelling for each genre."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.genres.spelling import LONGEST_NAME, canonical_genre
from catalog.titles.formats._cells import InvalidCell, parse_genres


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


@pytest.mark.parametrize("text", ["x" * (LONGEST_NAME + 1), "dra\x00ma", "drama\u202e", "dra\x1bma"])
def test_an_impossible_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="genre name"):
        canonical_genre(text)


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
