"""The vectors of `histograms` depend on colours and edges, and on little else."""

from __future__ import annotations

import numpy as np

from ml.extractors.histograms import DIMS, describe
from tests.ml.imaging.drawings import drawing

COLOURS = slice(0, 384)
EDGES = slice(384, 600)


def image(seed):
    return np.asarray(drawing(seed, (96, 144)), dtype=np.float32)


def test_each_part_has_length_one():
    vector = describe(image(1))
    assert vector.shape == (DIMS,) == (600,) and vector.dtype == np.float32
    assert np.isclose(np.linalg.norm(vector[COLOURS]), 1, atol=1e-6)
    assert np.isclose(np.linalg.norm(vector[EDGES]), 1, atol=1e-6)
    assert vector.min() >= 0


def test_a_flat_picture_has_no_edges_and_is_no_error():
    for grey in (0, 128, 255):
        vector = describe(np.full((144, 96, 3), grey, dtype=np.float32))
        assert np.isfinite(vector).all()
        assert not vector[EDGES].any()
        assert np.isclose(np.linalg.norm(vector[COLOURS]), 1, atol=1e-6)


def test_black_and_white_fall_into_the_first_and_last_grey_bins():
    black = describe(np.zeros((144, 96, 3), np.float32))[COLOURS].reshape(6, 4, 4, 4)
    white = describe(np.full((144, 96, 3), 255, np.float32))[COLOURS].reshape(6, 4, 4, 4)
    assert black[..., 0].sum() > 0 and not black[..., 1:].any()
    assert white[..., 3].sum() > 0 and not white[..., :3].any()


def test_stripes_differ_by_their_direction():
    rows, columns, _ = np.indices((144, 96, 3))
    for along, direction in ((rows, 4), (columns, 0)):
        stripes = np.where(along % 8 < 4, 255, 0).astype(np.float32)
        assert describe(stripes)[EDGES].reshape(24, 9).sum(axis=0).argmax() == direction


def test_a_small_change_of_colour_moves_the_vector_little_and_another_picture_moves_it_much():
    original = image(2)
    near = np.linalg.norm(describe(np.clip(original + 4, 0, 255)) - describe(original))
    far = np.linalg.norm(describe(image(3)) - describe(original))
    assert near < 0.25 * far


def test_edges_do_not_depend_on_contrast():
    original = image(4)
    assert np.allclose(describe(original)[EDGES], describe(original * 0.5)[EDGES], atol=1e-6)
