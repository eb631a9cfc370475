"""Search finds films by words of either title, by year and by any id, whatever the case and the accents."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.views.browsing import accented_forms, matching, unaccented_pattern
from tests.factories import MovieFactory

pytestmark = pytest.mark.django_db


def found(text: str) -> set[str]:
    return set(matching(text).values_list("title", flat=True))


@pytest.fixture
def shelf() -> None:
    MovieFactory(
        title="The Fabulous Destiny", original_title="Le Fabuleux Destin d'Amélie Poulain", year=2001
    )
    MovieFactory(title="Étoile du Nord", year=1982, imdb_id="tt0084000")
    MovieFactory(title="Über Nacht 1984", year=2007, tmdb_id=4321, movielens_id=77)
    MovieFactory(title="The Return", franchise="Lanternes d'été", year=1990)
    MovieFactory(title="100% Wolf_", year=1984, local_id="films/wolf.jpg")


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("destiny", {"The Fabulous Destiny"}),
        ("DESTINY fabulous", {"The Fabulous Destiny"}),
        ("destiny 2001", {"The Fabulous Destiny"}),
        ("destiny 1999", set()),
        ("amelie", {"The Fabulous Destiny"}),
        ("AMÉLIE", {"The Fabulous Destiny"}),
        ("etoile", {"Étoile du Nord"}),
        ("étoile", {"Étoile du Nord"}),
        ("uber", {"Über Nacht 1984"}),
        ("1984", {"Über Nacht 1984", "100% Wolf_"}),
        ("tt0084000", {"Étoile du Nord"}),
        ("TT0084000", {"Étoile du Nord"}),
        ("4321", {"Über Nacht 1984"}),
        ("77", {"Über Nacht 1984"}),
        ("films/wolf.jpg", {"100% Wolf_"}),
        ("100%", {"100% Wolf_"}),
        ("%", {"100% Wolf_"}),
        ("_", {"100% Wolf_"}),
        ("lanternes d'ete", {"The Return"}),
        (".*", set()),
        ("99999999999999999999", set()),
    ],
)
def test_what_a_search_finds(shelf: None, text: str, titles: set[str]) -> None:
    assert found(text) == titles


def test_an_empty_search_is_no_filter(shelf: None) -> None:
    assert len(found("")) == len(found("   ")) == 5


@given(st.text(max_size=120))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_searched_for(text: str) -> None:
    assert matching(text).count() >= 0


@given(
    st.text(
        alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "M"]),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=200, deadline=None)
def test_a_folded_pattern_is_valid_and_matches_plain_latin_words(word: str) -> None:
    pattern = re.compile(unaccented_pattern(word), re.IGNORECASE)
    if word.isascii():
        assert pattern.fullmatch(word)


def test_every_letter_knows_its_accents() -> None:
    assert set("éèêëēę") <= set(accented_forms()["e"]) and "ł" not in accented_forms()["e"]
    assert len(accented_forms()) == 26
