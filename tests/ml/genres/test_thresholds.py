"""A score becomes a suggestion strictly above its threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ml.genres.thresholds import RECIPE_THRESHOLD, decide

SCORES = arrays.arrays(np.float32, (4, 3), elements=st.floats(0, 1, width=32))


def test_a_score_equal_to_the_threshold_is_not_suggested():
    assert decide([[0.6, 0.61, 0.59]], RECIPE_THRESHOLD).tolist() == [[False, True, False]]


def test_a_float32_score_of_point_six_is_not_above_point_six():
    scores = np.array([[0.6]], dtype=np.float32)
    assert float(scores[0, 0]) > 0.6  # what a comparison in float64 would fall for
    assert not decide(scores, np.array([0.6])).any()
    assert not decide(scores, 0.6).any()


def test_each_genre_has_its_own_threshold():
    assert decide([[0.5, 0.5], [0.9, 0.2]], [0.4, 0.6]).tolist() == [[True, False], [True, False]]


def test_whole_number_scores_are_not_cut_by_truncated_thresholds():
    assert decide(np.array([[0, 1]]), 0.6).tolist() == [[False, True]]


@given(SCORES, st.floats(0, 1, width=32), st.floats(0, 1, width=32))
def test_a_higher_threshold_never_suggests_more(scores, one, other):
    low, high = sorted((one, other))
    assert not (decide(scores, high) & ~decide(scores, low)).any()


@pytest.mark.parametrize(
    ("scores", "thresholds"),
    [([[np.nan]], 0.6), ([[0.5]], np.nan), ([[0.5, 0.5]], [0.5, 0.5, 0.5]), ([[0.5]], [[0.5]]), (0.5, [0.5])],
)
def test_nonsense_is_refused(scores, thresholds):
    with pytest.raises(ValueError, match=r"NaN|fit"):
        decide(scores, thresholds)
