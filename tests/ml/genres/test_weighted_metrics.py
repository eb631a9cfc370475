"""Weighted metrics are the metrics of the rows repeated."""

import numpy as np
import pytest
from sklearn import metrics as reference

from ml.genres import metrics
from ml.genres.thresholds import decide
from ml.genres.weighted_metrics import WeightedMetrics, calibration_error, precision_recall_coverage
from tests.ml.genres.catalogues import random_scores

CUT = 0.6
SHOWN = np.array([True, True, False, True])


@pytest.fixture
def case():
    truth, scores = random_scores(150, 4)
    # a genre of one poster, which many resamples miss
    truth[:, 3] = 0
    truth[7, 3] = 1
    return truth, scores


@pytest.mark.parametrize("seed", range(8))
def test_they_are_those_of_the_rows_repeated(case, seed):
    weights = np.random.default_rng(seed).multinomial(150, np.full(150, 1 / 150))
    measured = WeightedMetrics(case[0], case[1], decide(case[1], CUT), SHOWN)
    truth, scores = (np.repeat(table, weights, axis=0) for table in case)
    found = measured(weights[None].astype(float))
    f1, always = metrics.per_genre_f1(truth, scores, CUT), metrics.predict_everything_f1(truth)
    cuts = np.where(SHOWN, CUT, 1.0)
    expected = {
        "macro_f1": metrics.macro_f1(truth, scores, cuts),
        "macro_f1_predict_everything": always.mean(),
        "macro_f1_gain": metrics.macro_f1(truth, scores, cuts) - always.mean(),
        "micro_f1": metrics.micro_f1(truth, scores, cuts),
        "samples_f1": metrics.samples_f1(truth, scores, cuts),
        "mean_average_precision": metrics.mean_average_precision(truth, scores),
        "expected_calibration_error": metrics.expected_calibration_error(truth, scores),
        "f1": f1,
        "f1_gain": f1 - always,
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, abs=1e-6), name
    auc = measured.auc(weights[None].astype(float))[0]
    assert auc[:3] == pytest.approx(reference.roc_auc_score(truth[:, :3], scores[:, :3], average=None))

    chosen = decide(scores, CUT)
    micro = precision_recall_coverage(case[0], decide(case[1], CUT))(weights[None].astype(float))
    assert micro["precision"] == pytest.approx(reference.precision_score(truth, chosen, average="micro"))
    assert micro["recall"] == pytest.approx(reference.recall_score(truth, chosen, average="micro"))
    assert micro["coverage"] == pytest.approx(chosen.any(axis=1).mean())


def test_a_genre_without_a_positive_has_no_average_precision(case):
    truth, scores = np.zeros_like(case[0]), case[1]
    found = WeightedMetrics(truth, scores, decide(scores, CUT))(np.ones((2, len(truth))))
    assert np.isnan(found["mean_average_precision"]).all()
    assert (found["macro_f1"] == 0).all()


def test_the_calibration_error_has_an_interval(case):
    found = calibration_error(case[0], case[1], 150, 2)
    assert found["value"] == pytest.approx(metrics.expected_calibration_error(*case))
    assert found["low"] < found["value"] < found["high"]
