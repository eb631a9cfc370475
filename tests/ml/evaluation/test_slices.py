"""Which posters are in which slice: by the CSV's columns where they tell, else by title and picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from ml.evaluation.languages import has_other_language, is_english
from ml.evaluation.lettering import is_mostly_lettering
from ml.evaluation.slices import parts_of
from ml.labelled_set.listing import LabelledPoster
from ml.labelled_set.pictures import Pictures
from tests.ml.imaging.drawings import drawing


def poster(tmp_path, **facts) -> LabelledPoster:
    return LabelledPoster(2, "a.jpg", tmp_path / "a.jpg", ("Drama",), **facts)


def parts(posters, lettering=None):
    count = len(posters)
    seen = np.zeros(count, bool) if lettering is None else np.array(lettering)
    return parts_of(posters, Pictures(np.zeros(count, np.uint64), np.full(count, 99, np.float32), seen, {}))


def lettered(ground: str, ink: str, size: int = 26) -> Image.Image:
    image = Image.new("RGB", (200, 300), ground)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(size)
    for line, text in enumerate(("THE LONG", "WAY HOME", "a film by", "Nobody")):
        pen.text((20, 40 + 50 * line), text, fill=ink, font=font)
    return image


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
def test_titles_that_are_english_or_do_not_tell(title):
    assert not has_other_language(title)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_has_an_answer(title):
    assert has_other_language(title) in (True, False)
    assert not has_other_language(f"The House of the Wolf (a.k.a. {title.translate(dict.fromkeys(b'()'))})")


@pytest.mark.parametrize(
    ("language", "english"), [("en", True), ("English", True), ("en-GB", True), ("eng", True), ("fr", False)]
)
def test_a_language_by_code_or_name(language, english):
    assert is_english(language) is english


def test_the_column_language_decides_and_the_title_where_it_is_empty(tmp_path):
    posters = [
        poster(tmp_path, title="Caché (Hidden)", language="en"),
        poster(tmp_path, title="Heat", language="German"),
        poster(tmp_path, title="Thirst (Bakjwi)"),
        poster(tmp_path, title="Heat"),
    ]
    found = parts(posters)["non_english"]
    assert found.member.tolist() == [False, True, True, False]
    assert "`language` says for 2 posters" in found.what
    assert not found.unknown


def test_without_language_or_title_nobody_can_know(tmp_path):
    found = parts([poster(tmp_path)])["non_english"]
    assert not found.member.any()
    assert "neither a column `language` nor a column `title`" in found.unknown


def test_the_column_text_only_decides_and_the_picture_where_it_is_empty(tmp_path):
    posters = [poster(tmp_path, text_only=said) for said in (True, False, None, None)]
    found = parts(posters, [False, True, True, False])["text_only"]
    assert found.member.tolist() == [True, False, True, False]
    told = parts(posters[:2], [False, True])["text_only"]
    assert told.what == "mostly lettering on a plain ground, as the column `text_only` says"


def test_years_before_1970_are_old_and_undated_posters_are_not(tmp_path):
    found = parts([poster(tmp_path, year=year) for year in (1969, 1970, None)])["old"]
    assert found.member.tolist() == [True, False, False]
    assert "no column `year`" in parts([poster(tmp_path)])["old"].unknown


@pytest.mark.parametrize(("ground", "ink"), [("white", "black"), ("#a01020", "#f0d060"), ("black", "white")])
def test_lettering_on_a_plain_ground_is_text_only(ground, ink):
    assert is_mostly_lettering(lettered(ground, ink))


def test_a_picture_a_body_on_a_plain_ground_and_an_empty_poster_are_not():
    assert not any(is_mostly_lettering(drawing(seed)) for seed in range(8))
    body = lettered("white", "black")
    ImageDraw.Draw(body).ellipse((50, 120, 150, 290), fill="#905030")
    assert not is_mostly_lettering(body)
    assert not is_mostly_lettering(Image.new("RGB", (200, 300), "white"))


def test_dim_shades_on_black_are_no_lettering():
    shades = np.zeros((300, 200, 3), np.uint8)
    shades[100:200, 60:140] = np.linspace(0, 110, 80, dtype=np.uint8)[None, :, None]
    assert not is_mostly_lettering(Image.fromarray(shades))
