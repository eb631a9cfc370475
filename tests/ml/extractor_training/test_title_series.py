"""Franchises guessed from titles."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.extractor_training.splits import MAX_SERIES_POSTERS, title_series

TITLES = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.builds(
            "{}{}".format,
            st.sampled_from(["Rocky", "The Night Watch", "Jaws of Steel", "Amélie"]),
            st.sampled_from(["", " II", " 3", ": The Return", ", The", " (1977)", " - Part Two"]),
        ),
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Rocky", "Rocky II"),
        ("Godfather, The", "The Godfather: Part II"),
        (
            "Star Wars: Episode IV - A New Hope (1977)",
            "Star Wars: Episode V - The Empire Strikes Back (1980)",
        ),
        ("Police Academy", "Police Academy 4: Citizens on Patrol"),
        ("Hatchet", "HATCHET III"),
        ("Toy Story (1995)", "Toy Story 2 (1999)"),
    ],
)
def test_sequels_are_of_one_franchise(first, second):
    one, other = title_series([first, second])
    assert one == other != ""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Hamlet", "Hamlet"),
        ("Hamlet (1948)", "Hamlet, (1996)"),
        ("War", "War 2"),
        ("Alien", "Aliens"),
        ("Heat", "Heat and Dust"),
        ("", ""),
    ],
)
def test_remakes_short_stems_and_unrelated_titles_are_not(first, second):
    assert title_series([first, second]) == ["", ""]


def test_a_frequent_stem_is_no_franchise():
    titles = [f"Christmas: tale {number}" for number in range(MAX_SERIES_POSTERS + 1)]
    assert set(title_series(titles)) == {""}
    assert set(title_series(titles[:-1])) == {"christmas"}


@settings(deadline=None)
@given(TITLES)
def test_a_franchise_has_two_titles_and_order_does_not_matter(titles):
    series = title_series(titles)
    assert len(series) == len(titles)
    assert all(series.count(name) > 1 for name in series if name)
    assert title_series(titles[::-1]) == series[::-1]


@settings(deadline=None)
@given(TITLES)
def test_spelling_in_capitals_changes_nothing_in_english(titles):
    plain = [title for title in titles if title.isascii()]
    assert title_series([title.upper() for title in plain]) == title_series(plain)
