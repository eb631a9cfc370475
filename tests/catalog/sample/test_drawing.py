"""Posters are drawn the same each time, each unlike the others, and say what kind of film it is."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from catalog.sample.drawing import draw_poster, kept_poster
from catalog.sample.drawing.canvas import Canvas
from catalog.sample.drawing.palettes import PALETTES
from catalog.sample.drawing.scenes import SCENES
from catalog.sample.films import GENRES, SampleFilm, sample_films


def film(title: str) -> SampleFilm:
    return next(film for film in sample_films() if film.title == title)


def pixels(film: SampleFilm) -> np.ndarray:
    with Image.open(io.BytesIO(draw_poster(film))) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (600, 900))
        return np.asarray(image.resize((60, 90)), dtype=np.float32)


def test_the_same_film_gives_the_same_bytes() -> None:
    for title in ("The Lantern Hour", "Ångström", "The Salt Ledger: The Restored Edition"):
        assert draw_poster(film(title)) == draw_poster(film(title))


def test_no_two_films_look_the_same() -> None:
    drawn = [pixels(film) for film in sample_films()[:10]]
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            assert np.abs(one - other).mean() > 4


def test_a_re_release_resembles_its_original_more_than_any_other_film() -> None:
    edition, original = pixels(film("The Salt Ledger: The Restored Edition")), pixels(film("The Salt Ledger"))
    others = [
        pixels(film(title))
        for title in ("Venetian Alibi", "Midnight Owes Me", "Kite Weather", "Moth and Candle")
    ]

    def likeness(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.mean(axis=2).ravel(), b.mean(axis=2).ravel())[0, 1])

    assert np.abs(edition - original).mean() > 5
    assert likeness(edition, original) > max(likeness(edition, other) for other in others)


def test_film_noir_is_grey_and_comedy_is_not() -> None:
    noir, comedy = pixels(film("Venetian Alibi")), pixels(film("Moustache Season"))
    assert np.ptp(noir, axis=2).mean() < 4
    assert np.ptp(comedy, axis=2).mean() > 40


@pytest.mark.parametrize("genre", GENRES)
def test_every_scene_of_a_genre_can_be_drawn_in_every_palette(genre: str) -> None:
    assert len(SCENES[genre]) >= 3
    for scene in SCENES[genre]:
        for palette in (PALETTES[genre][0], PALETTES["Documentary"][0], PALETTES["Film-Noir"][0]):
            canvas = Canvas()
            assert scene(canvas, palette, Random(genre)) in ("top", "bottom", "foot", "mount")
            image = canvas.finished()
            assert image.size == (600, 900)
            assert np.asarray(image.convert("L")).std() > 5


def test_posters_are_drawn_once_and_kept(tmp_path: Path) -> None:
    some = sample_films()[0]
    first = kept_poster(some, tmp_path / "new")
    path = tmp_path / "new" / f"{some.tmdb_id}.jpg"
    assert path.read_bytes() == first
    path.write_bytes(b"kept")
    assert kept_poster(some, tmp_path / "new") == b"kept"


def test_two_threads_may_draw_the_same_poster(tmp_path: Path) -> None:
    some = sample_films()[1]
    with ThreadPoolExecutor(4) as pool:
        drawn = set(pool.map(lambda _: kept_poster(some, tmp_path / "kept"), range(4)))
    assert len(drawn) == 1
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [f"{some.tmdb_id}.jpg"]
