"""Expected calibration error: by hand, and against a slow loop over bins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ml.genres.metrics import expected_calibration_error

LABELS = arrays.arrays(np.int8, (8, 2), elements=st.integers(0, 1))
SCORES = arrays.arrays(np.float64, (8, 2), elements=st.floats(0, 1))


def slow(truth, scores, bins):
    total = 0.0
    for i in range(bins):
        inside = [
            (t, s)
            for t, s in zip(truth.ravel(), scores.ravel(), strict=True)
            if int(min(np.floor(s * bins), bins - 1)) == i
        ]
        if inside:
            gap = np.mean([s for _, s in inside]) - np.mean([t for t, _ in inside])
            total += len(inside) / truth.size * abs(gap)
    return total


def test_by_hand():
    # bin [.5, 1]: mean score .8, frequency .5, 2 of 4 pairs; bin [0, .5): mean .2, frequency 0
    scores = [[0.9, 0.7], [0.1, 0.3]]
    assert expected_calibration_error([[1, 0], [0, 0]], scores, bins=2) == pytest.approx(
        0.5 * 0.3 + 0.5 * 0.2
    )


@settings(deadline=None)
@given(LABELS, SCORES, st.integers(1, 20))
def test_agrees_with_a_slow_loop(truth, scores, bins):
    assert expected_calibration_error(truth, scores, bins) == pytest.approx(slow(truth, scores, bins))


def test_scores_that_are_the_truth_have_no_error():
    truth = np.array([[1, 0], [0, 1]])
    assert expected_calibration_error(truth, truth.astype(float)) == 0


def test_scores_outside_zero_and_one_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        expected_calibration_error([[1]], [[1.5]])
