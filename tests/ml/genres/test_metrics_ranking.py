"""Average precision: by hand, with ties, and as scikit-learn counts it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import average_precision_score

from ml.genres.metrics import mean_average_precision, per_genre_average_precision

LABELS = arrays.arrays(np.int8, (9, 3), elements=st.integers(0, 1))
COARSE = arrays.arrays(np.float32, (9, 3), elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))


def test_by_hand():
    # ranked: hit, miss, hit -> (1/1 + 2/3) / 2
    assert per_genre_average_precision([[1], [0], [1]], [[0.9], [0.8], [0.7]]) == pytest.approx([5 / 6])


def test_equal_scores_are_one_step_whatever_their_order():
    assert per_genre_average_precision([[1], [0], [0], [0]], np.full((4, 1), 0.5)) == pytest.approx([0.25])
    assert per_genre_average_precision([[0], [0], [0], [1]], np.full((4, 1), 0.5)) == pytest.approx([0.25])


@settings(deadline=None)
@given(LABELS, COARSE)
def test_agrees_with_scikit_learn(truth, scores):
    ours = per_genre_average_precision(truth, scores)
    known = []
    for genre in range(truth.shape[1]):
        if truth[:, genre].any():
            known.append(average_precision_score(truth[:, genre], scores[:, genre]))
            assert ours[genre] == pytest.approx(known[-1])
        else:
            assert np.isnan(ours[genre])
    assert mean_average_precision(truth, scores) == pytest.approx(
        np.mean(known) if known else np.nan, nan_ok=True
    )


def test_genres_without_a_positive_do_not_count_in_the_mean():
    assert mean_average_precision([[1, 0], [0, 0]], [[0.9, 0.5], [0.1, 0.6]]) == 1
