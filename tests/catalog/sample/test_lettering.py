"""Titles are set in fonts that have their letters, inside their place, in ink that can be seen."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from catalog.sample.drawing.lettering import Area, _balanced, set_title
from catalog.sample.drawing.palettes import PALETTES
from catalog.sample.drawing.type import STYLES, Style, font
from catalog.sample.films import sample_films


def test_every_title_has_all_its_letters_in_every_style() -> None:
    for style in {style.font: style for styles in STYLES.values() for style in styles}.values():
        for film in sample_films():
            if film.title.isascii():
                continue
            for text in (film.title, film.title.upper()):
                face = font(style.font, 40, text)
                missing = bytes(face.getmask("\uffff"))
                for letter in set(text) - {" "}:
                    assert bytes(face.getmask(letter)) != missing, (style.font, letter)


@pytest.mark.parametrize("genre", sorted(STYLES))
@pytest.mark.parametrize("title", ["Ångström", "So " * 25])
@pytest.mark.parametrize("ground", [(10, 10, 12), (128, 128, 128)])
def test_a_title_stays_in_its_place_and_stands_out(
    genre: str, title: str, ground: tuple[int, int, int]
) -> None:
    area = Area(44, 66, 512, 180)
    for style in STYLES[genre]:
        poster = Image.new("RGB", (600, 900), ground)
        used = set_title(poster, title.strip(), style, area, PALETTES[genre][0], Random(1))
        assert used.width <= area.width and used.height <= area.height
        changed = np.abs(np.asarray(poster, dtype=float) - ground).max(axis=2) > 40
        rows, columns = np.nonzero(changed)
        assert changed.sum() > 300
        assert rows.min() >= area.top - 15 and rows.max() <= area.top + area.height + 15
        assert columns.min() >= area.left - 15 and columns.max() <= area.left + area.width + 15


@given(st.lists(st.text("abcdef", min_size=1, max_size=9), min_size=1, max_size=9), st.integers(1, 5))
@settings(deadline=None)
def test_lines_keep_every_word_in_order(words: list[str], count: int) -> None:
    count = min(count, len(words))
    lines = _balanced(words, count)
    assert len(lines) == count
    assert " ".join(lines).split() == words


def test_an_unknown_letter_falls_back_to_a_font_that_has_it() -> None:
    assert font("cmr10", 20, "Zażółć").getname() != font("cmr10", 20, "Plain").getname()
    assert Style("cmr10").upper
