"""Rows set aside help to fit a head, and nothing is ever measured on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ml.genres.logistic_training import train_logistic
from ml.genres.metrics import expected_calibration_error, mean_average_precision
from ml.genres.recipes import LOGISTIC
from ml.genres.training_set import TrainingSet
from tests.ml.genres.catalogues import informative, shuffled

QUICK = replace(LOGISTIC, resamples=50, strengths=(1.0, 0.1))
ASIDE = np.arange(600) < 300


def some(data: TrainingSet, rows: np.ndarray) -> TrainingSet:
    return replace(data, features=data.features[rows], labels=data.labels[rows], groups=data.groups[rows])


@pytest.fixture(scope="module")
def catalogue() -> tuple[TrainingSet, TrainingSet]:
    """600 posters, the first half of them with vectors that know their labels, as those that an extractor
    learned from do; and 300 others like the second half."""
    honest, known = (informative(rows=900, signal=signal, seed=4) for signal in (0.15, 1.5))
    mixed = np.where(np.arange(900)[:, None] < 300, known.features, honest.features)
    return some(replace(honest, features=mixed), np.arange(600)), some(honest, np.arange(600, 900))


def precision(metrics: dict[str, Any]) -> float:
    return float(metrics["validation"]["mean_average_precision"]["value"])


def test_no_row_aside_changes_nothing() -> None:
    data = informative(rows=200)
    usual, _, _ = train_logistic(data, QUICK)
    same, _, _ = train_logistic(data, QUICK, aside=np.zeros(200, dtype=bool))
    assert same.thresholds == usual.thresholds
    np.testing.assert_array_equal(same.scores(data.features), usual.scores(data.features))


def test_what_is_promised_holds_for_posters_never_seen(catalogue: tuple[TrainingSet, TrainingSet]) -> None:
    data, others = catalogue
    fooled, promised, _ = train_logistic(data, QUICK)
    head, told, taken = train_logistic(data, QUICK, aside=ASIDE)
    assert told["rows"] == {"train": 600, "validation": 300} and len(taken) == 300
    assert "never saw" in told["measured_on"]
    scores, fooled_scores = head.scores(others.features), fooled.scores(others.features)
    assert precision(told) == pytest.approx(mean_average_precision(others.labels, scores), abs=0.06)
    assert precision(promised) > mean_average_precision(others.labels, fooled_scores) + 0.1
    error = expected_calibration_error(others.labels, scores)
    assert error < 0.06 and error < expected_calibration_error(others.labels, fooled_scores)


def test_rows_aside_are_learned_from() -> None:
    data = informative(rows=600, signal=0.15, seed=4)
    _, few, _ = train_logistic(some(data, np.arange(300, 600)), QUICK)
    _, more, _ = train_logistic(data, QUICK, aside=ASIDE)
    assert precision(more) > precision(few)


def test_shuffled_labels_tell_nothing_however_well_the_rows_aside_are_known(
    catalogue: tuple[TrainingSet, TrainingSet],
) -> None:
    data, _ = catalogue
    labels = np.where(ASIDE[:, None], data.labels, shuffled(data, 3).labels)
    _, told, _ = train_logistic(replace(data, labels=labels), QUICK, aside=ASIDE)
    assert told["validation"]["macro_f1_gain"]["low"] < 0.05
    assert len(told["no_evidence"]) >= 4
