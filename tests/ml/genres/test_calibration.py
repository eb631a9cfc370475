"""Platt scaling: known slopes come back, mean scores are frequencies, uncertain slopes are shrunk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.genres.calibration import MAX_SLOPE, Calibration, platt, shrink
from tests.ml.genres.simple_metrics import expected_calibration_error


def made(rows=4000, genres=5, scale=1.0, seed=0):
    """Labels drawn from true logits, and those logits times `scale`."""
    random = np.random.default_rng(seed)
    true = random.normal(-1.5, 1.2, size=(rows, genres))
    labels = (random.random(true.shape) < 1 / (1 + np.exp(-true))).astype(np.uint8)
    return labels, true * scale


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.5])
def test_the_slope_that_the_logits_lack_is_found(scale):
    labels, logits = made(scale=scale)
    assert platt(labels, logits).slope == pytest.approx([1 / scale] * 5, rel=0.1)


def test_scores_are_calibrated_afterwards_on_posters_not_fitted_to():
    labels, logits = made(rows=8000, scale=3.0)
    scaling = platt(labels[:4000], logits[:4000])
    before = expected_calibration_error(labels[4000:], sigmoid(logits[4000:]))
    after = expected_calibration_error(labels[4000:], sigmoid(scaling.apply(logits[4000:])))
    assert after < 0.015 < 0.05 < before


def test_the_mean_score_of_a_genre_is_its_frequency():
    labels, logits = made(scale=2.0)
    scores = sigmoid(platt(labels, logits + 1).apply(logits + 1))
    assert scores.mean(axis=0) == pytest.approx(labels.mean(axis=0), abs=1e-3)


def test_a_rare_genre_borrows_its_slope_from_the_frequent_ones():
    labels, logits = made(rows=3000, genres=6, scale=0.5)
    rare = labels.copy()
    # a genre of eight posters, all of them where the logits say so: its own slope would be enormous
    rare[:, 5] = 0
    rare[np.argsort(-logits[:, 5])[:8], 5] = 1
    slopes = platt(rare, logits).slope
    assert slopes[5] < 0.3 * MAX_SLOPE
    assert slopes[:5] == pytest.approx([2.0] * 5, rel=0.15)


def test_genres_that_all_or_none_have_and_constant_logits_stay_finite():
    labels, logits = made(rows=200, genres=3)
    labels[:, 0], labels[:, 1] = 0, 1
    logits[:, 2] = -1.0
    scaling = platt(labels, logits)
    assert np.isfinite(scaling.slope).all()
    assert np.isfinite(scaling.offset).all()


@pytest.mark.parametrize("value", [0, 1])
def test_a_genre_that_all_or_none_have_leaves_the_others_their_slopes(value):
    labels, logits = made(rows=500, genres=4, scale=0.5)
    expected = platt(labels[:, :3], logits[:, :3]).slope
    labels[:, 3], logits[:, 3] = value, 9.2 * (2 * value - 1)
    assert platt(labels, logits).slope[:3] == pytest.approx(expected, rel=1e-3)


def test_no_calibration_changes_nothing():
    logits = made(rows=5)[1]
    assert (Calibration.none(5).apply(logits) == logits).all()


@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(0.01, 5)), min_size=2, max_size=8),
)
def test_shrinking_never_leaves_the_range_of_the_estimates(pairs):
    values, errors = (np.array(column) for column in zip(*pairs, strict=True))
    shrunk = shrink(values, errors)
    assert (shrunk >= values.min() - 1e-9).all()
    assert (shrunk <= values.max() + 1e-9).all()


def test_certain_estimates_that_differ_keep_their_own_value():
    values = np.array([0.0, 1.0, 2.0, 3.0])
    assert shrink(values, np.full(4, 0.01)) == pytest.approx(values, abs=0.01)
    assert np.ptp(shrink(values, np.full(4, 100.0))) == pytest.approx(0, abs=1e-9)
