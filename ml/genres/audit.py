"""List the films whose genres the evidence contradicts most, from out-of-fold scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.files import UNREADABLE_ARRAYS

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]

# A genre that a film lacks is only a soft negative: sources name two or three genres of a film, not all that
# fit. A high score for it counts half.
ABSENT_WEIGHT = 0.5
# Limits of scores; they keep their logits finite.
LEAST_SCORE = 1e-6


class OutOfFoldError(ValueError):
    """The file of out-of-fold scores cannot be read; the message names it."""


@dataclass(frozen=True)
class OutOfFoldScores:
    """rows (m,) int64: rows of the training set; scores (m, genres) float32: by models that saw nothing of
    these films, with genres in the model's order."""

    rows: Indexes
    scores: npt.NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write to `path` (.npz)."""
        np.savez(path, allow_pickle=False, rows=self.rows, scores=self.scores)

    @classmethod
    def read(cls, path: Path) -> OutOfFoldScores:
        """Read what `save` wrote. Raises OutOfFoldError."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                found = cls(arrays["rows"], arrays["scores"])
        except (OSError, *UNREADABLE_ARRAYS) as error:
            raise OutOfFoldError(f"The out-of-fold scores in {path} cannot be read: {error}") from error
        if found.scores.ndim != 2 or found.rows.shape != found.scores.shape[:1]:
            raise OutOfFoldError(f"The out-of-fold scores in {path} do not fit their rows.")
        return found


@dataclass(frozen=True)
class Contradiction:
    """One film whose genres the evidence contradicts.

    row: of the labels. genre: the one that is contradicted most. present: whether the film has it (it seems
    wrong) or lacks it (it seems to be missing). score: of this genre. strength: 0 if the score is one half.
    """

    row: int
    genre: str
    present: bool
    score: float
    strength: float


def contradictions(
    labels: npt.ArrayLike, scores: npt.ArrayLike, genres: Sequence[str], limit: int | None = None
) -> list[Contradiction]:
    """Films whose labels the scores contradict, strongest contradiction first, at most `limit`.

    labels: (n, g) of 0 and 1. scores: (n, g), calibrated and out of fold. A film is ranked by its most
    contradicted genre (`strength`); films without a contradiction are left out. With 5% of the films
    corrupted, this ranking finds twice as many of them among the first hundred as the self-confidence of
    Thyagarajan et al., "Identifying incorrect annotations in multi-label classification data", 2022; see
    docs/measurements.md.

    Raises ValueError if the shapes do not fit.
    """
    truth = np.asarray(labels).astype(bool)
    values = strengths(truth, scores)
    if truth.shape[1] != len(genres):
        raise ValueError(f"{len(genres)} genres do not fit labels of shape {truth.shape}.")
    column = values.argmax(axis=1)
    strongest = values[np.arange(len(values)), column]
    order = np.argsort(-strongest, kind="stable")
    order = order[strongest[order] > 0][:limit]
    table = np.asarray(scores)
    return [
        Contradiction(
            row, genres[column[row]], bool(truth[row, column[row]]), float(table[row, column[row]]),
            float(strongest[row]),
        )
        for row in order.tolist()
    ]  # fmt: skip


def strengths(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Floats:
    """How strongly each score contradicts its label, (n, g) float64: the logit against the label, times
    `ABSENT_WEIGHT` for a genre that the film lacks. Raises ValueError if the shapes do not fit."""
    truth = np.asarray(labels).astype(bool)
    values = np.asarray(scores, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != values.shape:
        raise ValueError(f"Labels and scores must be tables of one shape; got {truth.shape}, {values.shape}.")
    values = values.clip(LEAST_SCORE, 1 - LEAST_SCORE)
    logits = np.log(values / (1 - values))
    return np.where(truth, -logits, ABSENT_WEIGHT * logits)
