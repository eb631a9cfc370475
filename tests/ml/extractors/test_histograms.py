"""The vectors of `histograms` depend on colours and edges, and on little else."""

from __future__ import annotations

import numpy as np

from ml.extractors.histograms import DIMS, describe
from tests.ml.imaging.drawings import drawing

COLOURS = slice(0, 384)
EDGES = slice(384, 600)


def described(image):
    return describe(np.asarray(image, dtype=np.float32))


def test_each_part_has_length_one():
    vector = described(drawing(1, (96, 144)))
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
    across = np.zeros((144, 96, 3), np.float32)
    across[::8] = across[1::8] = across[2::8] = across[3::8] = 255
    upright = np.zeros((144, 96, 3), np.float32)
    upright[:, ::8] = upright[:, 1::8] = upright[:, 2::8] = upright[:, 3::8] = 255
    one, other = (describe(picture)[EDGES].reshape(24, 9).sum(axis=0) for picture in (across, upright))
    assert {int(one.argmax()), int(other.argmax())} == {4, 0} and other.argmax() == 0


def test_a_small_change_of_colour_moves_the_vector_little_and_another_picture_moves_it_much():
    original = np.asarray(drawing(2, (96, 144)), dtype=np.float32)
    near = np.linalg.norm(describe(np.clip(original + 4, 0, 255)) - describe(original))
    far = np.linalg.norm(described(drawing(3, (96, 144))) - describe(original))
    assert near < 0.25 * far


def test_edges_do_not_depend_on_contrast():
    original = np.asarray(drawing(4, (96, 144)), dtype=np.float32)
    assert np.allclose(describe(original)[EDGES], describe(original * 0.5)[EDGES], atol=1e-6)
