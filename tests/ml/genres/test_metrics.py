"""F1, average precision and calibration error: by hand, and compared with scikit-learn or slow loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as reference
from sklearn.metrics import average_precision_score

from ml.genres import metrics
from ml.genres.metrics import expected_calibration_error, mean_average_precision, per_genre_average_precision

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
def test_f1_agrees_with_scikit_learn(truth, scores, threshold):
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


RANKED_LABELS = arrays.arrays(np.int8, (9, 3), elements=st.integers(0, 1))
COARSE = arrays.arrays(np.float32, (9, 3), elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))


def test_average_precision_by_hand():
    # ranked: hit, miss, hit -> (1/1 + 2/3) / 2
    assert per_genre_average_precision([[1], [0], [1]], [[0.9], [0.8], [0.7]]) == pytest.approx([5 / 6])


def test_equal_scores_are_one_step_whatever_their_order():
    assert per_genre_average_precision([[1], [0], [0], [0]], np.full((4, 1), 0.5)) == pytest.approx([0.25])
    assert per_genre_average_precision([[0], [0], [0], [1]], np.full((4, 1), 0.5)) == pytest.approx([0.25])


@settings(deadline=None)
@given(RANKED_LABELS, COARSE)
def test_average_precision_agrees_with_scikit_learn(truth, scores):
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


PAIR_LABELS = arrays.arrays(np.int8, (8, 2), elements=st.integers(0, 1))
PAIR_SCORES = arrays.arrays(np.float64, (8, 2), elements=st.floats(0, 1))


def slow_calibration_error(truth, scores, bins):
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


def test_calibration_error_by_hand():
    # bin [.5, 1]: mean score .8, frequency .5, 2 of 4 pairs; bin [0, .5): mean .2, frequency 0
    scores = [[0.9, 0.7], [0.1, 0.3]]
    assert expected_calibration_error([[1, 0], [0, 0]], scores, bins=2) == pytest.approx(
        0.5 * 0.3 + 0.5 * 0.2
    )


@settings(deadline=None)
@given(PAIR_LABELS, PAIR_SCORES, st.integers(1, 20))
def test_calibration_error_agrees_with_a_slow_loop(truth, scores, bins):
    assert expected_calibration_error(truth, scores, bins) == pytest.approx(
        slow_calibration_error(truth, scores, bins)
    )


def test_scores_that_are_the_truth_have_no_error():
    truth = np.array([[1, 0], [0, 1]])
    assert expected_calibration_error(truth, truth.astype(float)) == 0


def test_scores_outside_zero_and_one_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        expected_calibration_error([[1]], [[1.5]])
