"""Scores of a simpler model for the training posters, which soften their labels (`distil` in the plan).

A missing genre is often only unlisted; the scores of a model that has not seen the poster say how plausible
it is (Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.files import UNREADABLE_ARRAYS, write_bytes
from ml.genres.errors import TrainingStopped
from ml.genres.evidence.training import EvidenceData, train_evidence
from ml.genres.head import sigmoid
from ml.genres.logistic import fit_logistic, logits_of, project
from ml.genres.recipes import EvidenceConfig
from ml.genres.splitting import folds

from .errors import TrainingInterrupted

TEACHER = "teacher.npz"
# Cross-validation folds, their seed, principal components; regularisation times posters.
FOLDS, SEED, COMPONENTS = 5, 3, 384
_STRENGTH = 50.0
# Of the bootstrap for figures that nobody reads.
_RESAMPLES = 10

Floats = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]


def teacher_scores(features: Floats, labels: npt.NDArray[np.uint8], groups: npt.NDArray[np.int64]) -> Floats:
    """Predict genre scores (n, genres) in [0, 1] of each poster out of fold, from its features (n, d).

    labels (n, genres) of 0 and 1; groups (n,). Raises TrainingDataError for fewer than two groups.
    """
    fold = folds(groups, labels, FOLDS, SEED)
    rows = project(features, COMPONENTS, SEED).apply(features)
    rows /= rows.std()
    variances = rows.var(axis=0, dtype=np.float64)
    scores = np.empty(labels.shape, dtype=np.float32)
    for number in np.unique(fold).tolist():
        held_out = fold == number
        fitted = fit_logistic(rows[~held_out], labels[~held_out], _STRENGTH / (~held_out).sum(), variances)
        scores[held_out] = sigmoid(logits_of(rows[held_out], fitted))
    return scores


def evidence_scores(data: EvidenceData, learned: Sequence[int], should_stop: Callable[[], bool]) -> Floats:
    """Predict scores (n, learned) in [0, 1] of each film out of fold, from everything that is known of it.

    learned: columns of the genres. A film that gets no score keeps its labels. Raises TrainingInterrupted
    when asked to stop, TrainingDataError for too few films.
    """
    columns = list(learned)
    data = replace(
        data,
        labels=data.labels[:, columns],
        genres=tuple(data.genres[column] for column in columns),
        # Nothing is measured, so all films may be scored.
        train_only=None,
        seen=None,
    )
    try:
        trained = train_evidence(data, EvidenceConfig(resamples=_RESAMPLES), should_stop)
    except TrainingStopped as error:
        raise TrainingInterrupted("Stopped while training the teacher; --resume continues.") from error
    scores = data.labels.astype(np.float32)
    scores[trained.rows] = trained.scores
    return scores


def cached_teacher_scores(
    path: Path, key: str, shape: tuple[int, int], rows: Indexes, compute: Callable[[], Floats]
) -> Floats:
    """Teacher scores (posters, genres) of the training rows (m,), 0 for other posters.

    compute: returns those of the training rows (m, genres). They are stored at `path` under `key`
    (hexadecimal), so that a resumed run need not compute them again.
    """
    digest = np.frombuffer(bytes.fromhex(key), dtype=np.uint8)
    try:
        with np.load(path, allow_pickle=False) as archive:
            if np.array_equal(archive["key"], digest):
                return np.asarray(archive["scores"], dtype=np.float32)
    except (OSError, *UNREADABLE_ARRAYS):
        pass  # There is none yet, or a killed process left an incomplete one.
    scores = np.zeros(shape, dtype=np.float32)
    scores[rows] = compute()
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, key=digest, scores=scores)
    write_bytes(path, content.getvalue())
    return scores
