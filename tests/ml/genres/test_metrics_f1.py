"""F1 in its four forms: by hand, as scikit-learn counts it, and at the level of guessing everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as reference

from ml.genres import metrics

TRUTH = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]])
SCORES = np.array([[0.9, 0.7, 0.1], [0.6, 0.8, 0.2], [0.7, 0.9, 0.3], [0.1, 0.2, 0.9]])
LABELS = arrays.arrays(np.int8, (7, 3), elements=st.integers(0, 1))
VALUES = arrays.arrays(np.float32, (7, 3), elements=st.floats(0, 1, width=32))


def test_by_hand_at_point_six():
    # genre 1: hit row 0, miss row 1 (0.6 is not above 0.6), false alarm row 2; genre 2: two hits, one
    # false alarm (row 0); genre 3: no positive, one false alarm.
    assert metrics.per_genre_f1(TRUTH, SCORES, 0.6) == pytest.approx([0.5, 0.8, 0.0])
    assert metrics.macro_f1(TRUTH, SCORES, 0.6) == pytest.approx((0.5 + 0.8) / 3)
    assert metrics.micro_f1(TRUTH, SCORES, 0.6) == pytest.approx(6 / 10)
    assert metrics.samples_f1(TRUTH, SCORES, 0.6) == pytest.approx((2 / 3 + 2 / 3 + 2 / 3 + 0) / 4)
    precision, recall = metrics.precision_recall(TRUTH, SCORES, 0.6)
    assert precision == pytest.approx([1 / 2, 2 / 3, 0])
    assert recall[:2] == pytest.approx([1 / 2, 1])
    assert np.isnan(recall[2])


def test_the_default_threshold_is_the_published_half():
    assert metrics.macro_f1([[1], [0]], [[0.51], [0.5]]) == 1


def test_a_genre_nobody_has_and_nobody_predicts_scores_zero():
    assert metrics.per_genre_f1([[0], [0]], [[0.1], [0.2]]).tolist() == [0]


@settings(deadline=None)
@given(LABELS, VALUES, st.floats(0, 1, width=32))
def test_agrees_with_scikit_learn(truth, scores, threshold):
    chosen = scores > np.float32(threshold)
    for average, ours in [
        ("macro", metrics.macro_f1),
        ("micro", metrics.micro_f1),
        ("samples", metrics.samples_f1),
        (None, metrics.per_genre_f1),
    ]:
        theirs = reference.f1_score(truth, chosen, average=average, zero_division=0)
        assert ours(truth, scores, threshold) == pytest.approx(theirs)


@given(LABELS)
def test_predicting_everything_is_what_scoring_one_everywhere_gives(truth):
    everything = np.ones(truth.shape, dtype=np.float32)
    assert metrics.predict_everything_macro_f1(truth) == pytest.approx(metrics.macro_f1(truth, everything))


def test_predicting_everything_by_hand():
    # frequencies 1/2 and 1/4: 2p / (1 + p)
    truth = [[1, 1], [1, 0], [0, 0], [0, 0]]
    assert metrics.predict_everything_macro_f1(truth) == pytest.approx((2 / 3 + 0.4) / 2)


@pytest.mark.parametrize(
    ("truth", "scores"),
    [
        ([[1, 0]], [[0.5]]),
        ([[2]], [[0.5]]),
        ([[1]], [[np.nan]]),
        ([1], [0.5]),
        (np.empty((0, 2)), np.empty((0, 2))),
    ],
)
def test_tables_that_cannot_be_scored_are_refused(truth, scores):
    with pytest.raises(ValueError, match=r"Labels|scores"):
        metrics.macro_f1(truth, scores)
