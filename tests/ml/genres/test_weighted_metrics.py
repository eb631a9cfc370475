"""Resampling by weights: the very figures and intervals of the metrics on the rows drawn."""

import numpy as np
import pytest

from ml.genres import metrics
from ml.genres.thresholds import decide
from ml.genres.weighted_metrics import Resampled, calibration_error, draws
from tests.ml.genres.catalogues import random_scores

CUT = 0.6
SHOWN = np.array([True, True, False, True])


def slow(truth, scores):
    f1 = metrics.per_genre_f1(truth, scores, CUT)
    always = metrics.predict_everything_f1(truth)
    cuts = np.where(SHOWN, CUT, 1.0)
    macro = metrics.macro_f1(truth, scores, cuts)
    overall = [macro, always.mean(), macro - always.mean(), metrics.micro_f1(truth, scores, cuts)]
    overall += [metrics.samples_f1(truth, scores, cuts), metrics.mean_average_precision(truth, scores)]
    overall += [metrics.expected_calibration_error(truth, scores)]
    return np.concatenate([overall, f1, f1 - always])


@pytest.fixture
def case():
    truth, scores = random_scores(150, 4)
    # a genre of one poster, which many resamples miss
    truth[:, 3] = 0
    truth[7, 3] = 1
    return truth, scores


def test_the_figures_are_those_of_the_metrics(case):
    truth, scores = case
    found = Resampled(truth, scores, decide(scores, CUT), SHOWN).of(np.ones((1, len(truth))))[0]
    assert found == pytest.approx(slow(truth, scores), abs=1e-6)


def test_the_intervals_are_those_of_drawing_rows(case):
    truth, scores = case
    low, high = Resampled(truth, scores, decide(scores, CUT), SHOWN).interval(90, seed=3)
    slow_low, slow_high = metrics.bootstrap_interval(slow, truth, scores, n=90, seed=3)
    assert low == pytest.approx(slow_low, abs=1e-6)
    assert high == pytest.approx(slow_high, abs=1e-6)


def test_a_genre_without_a_positive_has_no_average_precision(case):
    truth, scores = case
    none = np.zeros_like(truth)
    found = Resampled(none, scores, decide(scores, CUT), SHOWN).of(np.ones((2, len(truth))))
    assert np.isnan(found[:, 5]).all()
    assert (found[:, 0] == 0).all()


def test_every_resample_draws_as_many_rows_as_there_are():
    tables = list(draws(30, 130, 0))
    assert [len(table) for table in tables] == [64, 64, 2]
    assert all((table.sum(axis=1) == 30).all() for table in tables)


def test_the_calibration_error_has_the_interval_of_drawing_rows(case):
    truth, scores = case
    found = calibration_error(truth, scores, 150, 2)
    assert found["value"] == pytest.approx(metrics.expected_calibration_error(truth, scores))
    slow = metrics.bootstrap_interval(metrics.expected_calibration_error, truth, scores, n=150, seed=2)
    assert (found["low"], found["high"]) == pytest.approx(slow, abs=1e-9)
