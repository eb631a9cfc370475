"""A teacher's scores are out of fold, tell what can be told, and are soft."""

from __future__ import annotations

import numpy as np

from ml.extractor_training.teacher import teacher_scores
from ml.genres.metrics import mean_average_precision
from tests.ml.genres.catalogues import informative, shuffled

ALONE = np.arange(300, dtype=np.int64)


def test_genres_are_told_and_softly() -> None:
    data = informative(rows=300, features=40)
    scores = teacher_scores(data.features, data.labels, ALONE)
    assert scores.shape == data.labels.shape and scores.dtype == np.float32
    assert scores.min() > 0 and scores.max() < 1
    assert mean_average_precision(data.labels, scores) > 0.8
    np.testing.assert_allclose(scores.mean(axis=0), data.labels.mean(axis=0), atol=0.05)


def test_labels_that_features_do_not_show_are_not_learned_by_heart() -> None:
    data = shuffled(informative(rows=300, features=200))
    scores = teacher_scores(data.features, data.labels, ALONE)
    assert mean_average_precision(data.labels, scores) < data.labels.mean() + 0.1


def test_kin_never_teach_each_other() -> None:
    data = informative(rows=150, features=40, signal=0.0)
    twice = np.concatenate([data.features, data.features])
    labels = np.concatenate([data.labels, data.labels])
    apart = teacher_scores(twice, labels, np.tile(np.arange(150), 2))
    assert mean_average_precision(labels, apart) < data.labels.mean() + 0.12
