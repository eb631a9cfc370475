"""The figure has a row per extractor; a missing neighbour is no error."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ml.imaging.comparison_figure import lookalike_figure
from ml.imaging.images import ImageRejected

from .drawings import drawing


@pytest.fixture
def posters(tmp_path):
    files = []
    for seed in range(6):
        files.append(tmp_path / f"{seed}.jpg")
        drawing(seed).save(files[-1])
    return files


def rows_of(files):
    return [(file, 0.1 * place, f"Film $ {place}") for place, file in enumerate(files[1:])]


def test_a_row_for_each_extractor_also_if_its_pictures_cannot_be_opened(posters, tmp_path):
    one, two = tmp_path / "deep" / "one.png", tmp_path / "two.png"
    lookalike_figure(posters[0], {"pixels": rows_of(posters)}, one)
    (tmp_path / "broken.jpg").write_bytes(b"not an image")
    unusable = [(tmp_path / "broken.jpg", 0.1, "broken"), (tmp_path / "gone.jpg", 0.2, "gone")]
    lookalike_figure(posters[0], {"pixels": rows_of(posters), "convnet": unusable}, two, title="A $ film")
    first, second = Image.open(one), Image.open(two)
    assert first.width == second.width > 1000
    assert second.height > 1.8 * first.height
    assert np.asarray(first.convert("L")).std() > 10


def test_the_query_and_its_neighbours_are_in_it(tmp_path):
    colours = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255)}
    for name in colours:
        Image.new("RGB", (60, 90), name).save(tmp_path / f"{name}.png")
    out = tmp_path / "figure.png"
    neighbours = [(tmp_path / "lime.png", 0.1, "a"), (tmp_path / "blue.png", 0.2, "b")]
    lookalike_figure(tmp_path / "red.png", {"pixels": neighbours}, out)
    drawn = np.asarray(Image.open(out).convert("RGB")).reshape(-1, 3)
    columns = np.tile(np.arange(Image.open(out).width), Image.open(out).height)
    middles = [columns[(drawn == colour).all(axis=1)].mean() for colour in colours.values()]
    assert middles == sorted(middles)


def test_what_cannot_be_drawn_is_refused(posters, tmp_path):
    with pytest.raises(ValueError, match="extractor"):
        lookalike_figure(posters[0], {}, tmp_path / "figure.png")
    (tmp_path / "broken.jpg").write_bytes(b"not an image")
    with pytest.raises(ImageRejected):
        lookalike_figure(tmp_path / "broken.jpg", {"pixels": rows_of(posters)}, tmp_path / "figure.png")
