"""Scores of the teacher: out of fold, from features of the posters or from everything known of the films."""

from __future__ import annotations

import numpy as np
import pytest

from ml.extractor_training.errors import TrainingInterrupted
from ml.extractor_training.teacher import cached_teacher_scores, evidence_scores, teacher_scores
from ml.genres.evidence.films import Films
from ml.genres.evidence.training import EvidenceData
from ml.genres.metrics import mean_average_precision
from tests.ml.genres.catalogues import informative, shuffled

ALONE = np.arange(300, dtype=np.int64)


@pytest.mark.slow
def test_teacher_scores_rank_genres_and_are_soft() -> None:
    data = informative(rows=300, features=40)
    scores = teacher_scores(data.features, data.labels, ALONE)
    assert scores.shape == data.labels.shape and scores.dtype == np.float32
    assert scores.min() > 0 and scores.max() < 1
    assert mean_average_precision(data.labels, scores) > 0.8
    np.testing.assert_allclose(scores.mean(axis=0), data.labels.mean(axis=0), atol=0.05)


@pytest.mark.slow
def test_teacher_scores_do_not_memorise_labels() -> None:
    data = shuffled(informative(rows=300, features=200))
    scores = teacher_scores(data.features, data.labels, ALONE)
    assert mean_average_precision(data.labels, scores) < data.labels.mean() + 0.1


@pytest.mark.slow
def test_a_group_is_never_in_train_and_test_of_the_teacher() -> None:
    data = informative(rows=150, features=40, signal=0.0)
    twice = np.concatenate([data.features, data.features])
    labels = np.concatenate([data.labels, data.labels])
    scores = teacher_scores(twice, labels, np.tile(np.arange(150), 2))
    assert mean_average_precision(labels, scores) < data.labels.mean() + 0.12


def films(labels: np.ndarray, features: np.ndarray, overviews: list[str]) -> EvidenceData:
    count = len(labels)
    rows = Films(features, np.arange(count), [""] * count, np.zeros(count, dtype=np.int64), overviews)
    nobody = np.ones(count, dtype=bool)
    genres = tuple("abcdefgh"[: labels.shape[1]])
    return EvidenceData(rows, labels, np.arange(count), genres, train_only=nobody, seen=nobody)


@pytest.mark.slow
def test_a_teacher_that_reads_overviews_knows_more_than_one_that_sees_posters() -> None:
    data = informative(rows=200, features=20, signal=0.3)
    words = [" ".join(f"word{genre}" for genre in np.flatnonzero(row)) for row in data.labels]
    columns = [2, 0]
    scores = evidence_scores(films(data.labels, data.features, words), columns, lambda: False)
    assert scores.shape == (200, 2) and scores.dtype == np.float32
    assert scores.min() >= 0 and scores.max() <= 1
    labels = data.labels[:, columns]
    blind = teacher_scores(data.features, labels, ALONE[:200])
    assert mean_average_precision(labels, scores) > mean_average_precision(labels, blind) + 0.1
    with pytest.raises(TrainingInterrupted, match="--resume continues"):
        evidence_scores(films(data.labels, data.features, words), columns, lambda: True)


def test_scores_of_training_rows_are_computed_once(tmp_path) -> None:
    computed = []

    def compute() -> np.ndarray:
        computed.append(1)
        return np.full((2, 3), 0.5, dtype=np.float32)

    rows = np.array([1, 3])
    for key in ("aa", "aa", "bb"):
        scores = cached_teacher_scores(tmp_path / "teacher.npz", key, (4, 3), rows, compute)
        np.testing.assert_array_equal(scores[:, 0], [0, 0.5, 0, 0.5])
    assert len(computed) == 2
