"""Metrics for weighted posters are those of the posters repeated, by scikit-learn or slow loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as reference

from ml.genres.metrics import (
    CALIBRATION_BINS,
    GenreMetrics,
    calibration_error,
    decision_metrics,
    mean_average_precision,
    precision_recall_coverage,
    weighted_f1,
)

ROWS, GENRES = 9, 3
LABELS = arrays.arrays(np.uint8, (ROWS, GENRES), elements=st.integers(0, 1))
# Coarse, so that many scores are equal.
SCORES = arrays.arrays(np.float32, (ROWS, GENRES), elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
WEIGHTS = arrays.arrays(np.int64, ROWS, elements=st.integers(0, 3)).filter(lambda weights: weights.any())


def slow_calibration_error(truth, scores):
    which = np.minimum(np.floor(scores * CALIBRATION_BINS), CALIBRATION_BINS - 1)
    gaps = [abs((scores - truth)[which == number].sum()) for number in range(CALIBRATION_BINS)]
    return sum(gaps) / truth.size


def average_precision(truth, scores):
    return [
        reference.average_precision_score(*columns) if columns[0].any() else np.nan
        for columns in zip(truth.T, scores.T, strict=True)
    ]


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(LABELS, SCORES, WEIGHTS, st.lists(st.booleans(), min_size=GENRES, max_size=GENRES))
def test_metrics_are_those_of_the_posters_repeated(truth, scores, weights, shown):
    measured = GenreMetrics(truth, scores, scores > 0.5, np.array(shown))
    once = weights[None].astype(float)
    found = {name: value[0] for name, value in measured(once).items()}
    truth, scores = (np.repeat(table, weights, axis=0) for table in (truth, scores))
    chosen = scores > 0.5

    def f1(decisions, average):
        return reference.f1_score(truth, decisions, average=average, zero_division=0)

    everything = f1(np.ones_like(truth), None)
    precision = average_precision(truth, scores)
    expected = {
        "macro_f1": f1(chosen & shown, "macro"),
        "macro_f1_predict_everything": everything.mean(),
        "macro_f1_gain": f1(chosen & shown, "macro") - everything.mean(),
        "micro_f1": f1(chosen & shown, "micro"),
        "samples_f1": f1(chosen & shown, "samples"),
        "mean_average_precision": np.nanmean(precision) if truth.any() else np.nan,
        "expected_calibration_error": slow_calibration_error(truth, scores),
        "f1": f1(chosen, None),
        "f1_predict_everything": everything,
        "f1_gain": f1(chosen, None) - everything,
        "precision": reference.precision_score(truth, chosen, average=None, zero_division=np.nan),
        "recall": reference.recall_score(truth, chosen, average=None, zero_division=np.nan),
        "average_precision": precision,
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-6, nan_ok=True), name
    mixed = [0 < column.sum() < len(column) for column in truth.T]
    auc = [
        reference.roc_auc_score(truth[:, genre], scores[:, genre]) if mixed[genre] else np.nan
        for genre in range(GENRES)
    ]
    assert measured.auc(once)[0] == pytest.approx(auc, nan_ok=True)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(LABELS, SCORES, WEIGHTS)
def test_decisions_are_those_of_the_posters_repeated(truth, scores, weights):
    chosen, once = scores > 0.5, weights[None].astype(float)
    f1 = weighted_f1(once, truth, chosen)[0]
    micro = {name: value[0] for name, value in precision_recall_coverage(truth, chosen)(once).items()}
    truth, chosen = (np.repeat(table, weights, axis=0) for table in (truth, chosen))
    assert f1 == pytest.approx(reference.f1_score(truth, chosen, average=None, zero_division=0))
    scored = {"average": "micro", "zero_division": np.nan}
    assert micro == pytest.approx(
        {
            "precision": reference.precision_score(truth, chosen, **scored),
            "recall": reference.recall_score(truth, chosen, **scored),
            "coverage": chosen.any(axis=1).mean(),
        },
        nan_ok=True,
    )
    alone = {name: None if np.isnan(value) else value for name, value in micro.items()}
    assert decision_metrics(truth, chosen) == pytest.approx(alone)


@pytest.mark.slow
@settings(deadline=None)
@given(LABELS, SCORES)
def test_unweighted_metrics(truth, scores):
    known = [value for value in average_precision(truth, scores) if not np.isnan(value)]
    expected = np.mean(known) if known else np.nan
    assert mean_average_precision(truth, scores) == pytest.approx(expected, nan_ok=True)
    error = calibration_error(truth, scores, resamples=2)["value"]
    assert error == pytest.approx(slow_calibration_error(truth, scores), abs=1e-6)


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
        mean_average_precision(truth, scores)


def test_scores_outside_the_unit_interval_have_no_calibration():
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration_error([[1]], [[1.5]])
