"""Different spellings of a title are folded to the same text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.search._folding import (
    LONGEST,
    canonical,
    fold,
    required_words,
    spellings,
    squeeze,
    without_articles,
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  AMÉLIE ", "amelie"),
        ("Das Schloß", "das schloss"),
        ("Ærø, Łódź & Đà Nẵng", "aero lodz and da nang"),
        ("Ocean’s Eleven", "oceans eleven"),
        ("L'Avventura", "l avventura"),
        ("Fabuleux destin d’Amélie", "fabuleux destin d amelie"),
        ("M*A*S*H", "mash"),
        ("S.W.A.T.", "swat"),
        ("E.T. the Extra-Terrestrial", "et the extra terrestrial"),
        ("WALL·E", "wall e"),
        ("F/X", "fx"),
        ("Ca$h", "cash"),
        ("Alien³", "alien 3"),
        ("8½", "8 1 2"),
        ("Romeo + Juliet", "romeo and juliet"),
        ("İstanbul", "istanbul"),
        ("Мафия", "мафия"),
        ("$", "$"),
        ("%_\\", ""),
        ("\0\ud800", ""),
        ("", ""),
    ],
)
def test_a_text_is_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("The Matrix", {"the matrix", "matrix"}),
        ("Matrix, The", {"the matrix", "matrix"}),
        ("Avventura, L' (Adventure, The)", {"l avventura", "avventura", "the adventure", "adventure"}),
        ("Seven (a.k.a. Se7en)", {"seven", "7", "se7en", "seven aka se7en"}),
        ("Amelie (Fabuleux destin d'Amélie Poulain, Le)", {"amelie", "fabuleux destin d amelie poulain"}),
        ("To Have, or Not (En avoir (ou pas))", {"to have or not", "en avoir ou pas"}),
        ("Ocean's Eleven", {"oceans eleven", "oceans 11"}),
        ("The Godfather: Part II", {"godfather part ii", "godfather part 2"}),
        ("One Hundred and One Dalmatians", {"101 dalmatians"}),
        ("Nineteen Eighty-Four", {"1984"}),
        ("(500) Days of Summer", {"500 days of summer"}),
        ("Die Hard", {"die hard"}),
    ],
)
def test_the_spellings_of_a_title(title: str, expected: set[str]) -> None:
    assert expected <= set(spellings(title))


@pytest.mark.parametrize("title", ["Die Hard", "The", "A", "I, Robot", "Up"])
def test_a_word_that_only_looks_like_an_article_stays(title: str) -> None:
    assert set(spellings(title)) == {fold(title)}


def test_articles_and_conjunctions_may_be_missing_from_a_title() -> None:
    assert required_words("the good the bad and the ugly") == ["good", "bad", "ugly"]
    assert required_words("the and a") == ["the", "and", "a"]


@given(st.text(max_size=300))
def test_folding_is_idempotent_and_bounded(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert len(folded) <= LONGEST
    assert not set("\0%_\\") & set(folded) and folded == " ".join(folded.split())


@given(st.text(max_size=60))
def test_case_and_outer_space_never_matter(text: str) -> None:
    assert fold(text.upper()) == fold(text.upper().lower())
    assert fold(f" {text}\t") == fold(text)


@given(st.lists(st.text("abcdeéèßøzñ", min_size=2, max_size=8), min_size=1, max_size=6))
def test_punctuation_between_words_never_matters(words: list[str]) -> None:
    assert fold(": ".join(words)) == fold(" ".join(words)) == fold("-".join(words))


@given(st.text(max_size=80))
def test_every_spelling_is_folded_and_unique(title: str) -> None:
    found = spellings(title)
    assert len(found) == len(set(found))
    for text in found:
        assert text and squeeze(text) and without_articles(text) and canonical(text)


@given(st.text(max_size=80))
def test_a_title_is_among_its_own_spellings(title: str) -> None:
    folded = fold(title)
    assert not folded or without_articles(folded) in {without_articles(text) for text in spellings(title)} | {
        without_articles(fold(title))
    }
