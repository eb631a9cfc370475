"""Which posters are in which slice: by the CSV's columns, or else by the title."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.evaluation.languages import has_other_language, is_english, is_other_language
from ml.evaluation.slices import slices_of
from ml.labelled_set.listing import LabelledPoster
from ml.labelled_set.pictures import Pictures


def slices(*facts):
    posters = [LabelledPoster(2, "a.jpg", Path("a.jpg"), ("Drama",), **each) for each in facts]
    count = len(posters)
    return slices_of(posters, Pictures(np.zeros(count, np.uint64), np.full(count, 99, np.float32), {}))


@pytest.mark.parametrize(
    "title",
    [
        "A Trip to the Moon (Voyage dans la lune, Le)",
        "Zombie (a.k.a. Zombie 2: The Dead Are Among Us) (Zombi 2)",
        "Thirst (Bakjwi)",
        "All Things Fair (Lust och fägring stor)",
        "The Embalmer (Imbalsamatore, L')",
        "À nous la liberté (Freedom for Us)",
        "Le Million (Million, The)",
        "Wir tun es für Geld",
        "L'Italien",
        "貞子3D",
        "Welcome to the Sticks (Bienvenue chez les Ch'tis)",
    ],
)
def test_titles_that_are_not_english(title):
    assert has_other_language(title)


@pytest.mark.parametrize(
    "title",
    [
        "Terra (a.k.a. Battle for Terra)",
        "Shipwrecked (a.k.a. Haakon Haakonsen)",
        "The Blood of Heroes (Salute of the Jugger, The)",
        "Dracula (Bram Stoker's Dracula)",
        "Heavyweights (Heavy Weights)",
        "Horror of Dracula (Dracula)",
        "(500) Days of Summer",
        "Pokémon: The Rise of Darkrai",
        "Los Angeles Plays Itself",
        "Die Another Day",
        "The Day of the Jackal",
        "",
    ],
)
def test_titles_that_are_english_or_unclear(title):
    assert not has_other_language(title)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80))
def test_any_text_has_an_answer(title):
    assert has_other_language(title) in (True, False)
    assert not has_other_language(f"The House of the Wolf (a.k.a. {title.translate(dict.fromkeys(b'()'))})")


@pytest.mark.parametrize(
    ("language", "english"), [("en", True), ("English", True), ("en-GB", True), ("eng", True), ("fr", False)]
)
def test_a_language_by_code_or_name(language, english):
    assert is_english(language) is english


def test_the_column_language_decides_and_the_title_where_it_is_empty():
    found = slices(
        {"title": "Caché (Hidden)", "language": "en"},
        {"title": "Heat", "language": "German"},
        {"title": "Thirst (Bakjwi)"},
        {"title": "Heat"},
    )["non_english"]
    assert found.member.tolist() == [False, True, True, False]
    assert "2 posters" in found.what
    assert not found.unknown


def test_columns_decide_and_without_them_membership_is_unknown():
    found = slices({"text_only": True, "year": 1969}, {"text_only": False, "year": 1970}, {})
    assert found["text_only"].member.tolist() == [True, False, False]
    assert found["old"].member.tolist() == [True, False, False]
    assert not found["text_only"].unknown and not found["old"].unknown
    nothing = slices({})
    for name in ("text_only", "old", "non_english"):
        assert not nothing[name].member.any()
        assert nothing[name].unknown


def test_overviews_in_other_languages_and_decades_are_slices():
    found = slices(
        {"overview": "Zwei Männer und eine Frau auf der Flucht vor dem Krieg.", "year": 1999},
        {"overview": "Amélie (Audrey Tautou) helps the people of Montmartre.", "year": 2001},
        {"title": "Amélie (Fabuleux destin d'Amélie Poulain, Le)", "year": 1990},
        {},
    )
    assert found["overview_not_english"].member.tolist() == [True, False, False, False]
    assert found["1990s"].member.tolist() == [True, False, True, False]
    assert found["2000s"].what == "year from 2000 to 2009" and set(found) & {"1980s", "0s"} == set()
    assert slices({})["overview_not_english"].unknown


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("一个男人回到故乡。", True),
        ("Un hombre y una mujer huyen de la ciudad.", True),
        ("A man (Daniel Brühl) and his dog flee from the city of Málaga.", False),
        ("", False),
    ],
)
def test_the_language_of_running_text(text, other):
    assert is_other_language(text) is other
