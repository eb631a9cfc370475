"""Metrics of multi-label scores and decisions, each with its chance level.

Everywhere labels are (n, genres) of 0 and 1, scores (n, genres) and decisions (n, genres) bool. Most metrics
are computed for weights (r, n): how often each poster counts in each of r resamples (`ml.stats.bootstrap`).
Counts are then one matrix product over all resamples, and scores are sorted once, so that 1,000 resamples of
10,000 posters take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.stats import Figure, Floats, Ranking, Statistics, bootstrap, finite, mean_of_defined, ratio

Labels = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

# As in the published metric: a genre that nobody has and nobody predicts scores 0, not 0/0.
EPSILON = 1e-16

CALIBRATION_BINS = 15


class GenreMetrics:
    """Metrics of scores and decisions; call it with weights (r, n).

    Returns by name the overall metrics, (r,) each, and those of each genre, (r, genres): f1, f1_gain (over
    `f1_predict_everything`, the F1 of predicting the genre for every poster), precision, recall and
    average_precision.

    shown: (genres,), which genres are ever suggested. The others count as never predicted in the overall
    metrics; their own are those of the decisions.

    Raises ValueError if labels and scores are no such tables.
    """

    def __init__(
        self,
        truth: npt.ArrayLike,
        scores: npt.ArrayLike,
        decisions: npt.ArrayLike,
        shown: Bools | None = None,
    ) -> None:
        labels, values = _checked(truth, scores)
        right, chosen = labels.astype(np.float64), np.asarray(decisions, dtype=np.float64)
        hits = right * chosen
        self.genres = labels.shape[1]
        self.shown = np.ones(self.genres) if shown is None else shown.astype(np.float64)
        samples_f1 = 2 * (hits @ self.shown) / (right.sum(axis=1) + chosen @ self.shown + EPSILON)
        # float32 holds these small whole numbers and their sums exactly up to 16 million
        self.columns = np.hstack([right, chosen, hits]).astype(np.float32)
        self.means = np.hstack([samples_f1[:, None], _calibration_gaps(labels, values)])
        self.rankings = [Ranking(labels[:, genre], values[:, genre]) for genre in range(self.genres)]

    def __call__(self, weights: Floats) -> Mapping[str, Floats]:
        total = weights.sum(axis=1, keepdims=True)
        right, chosen, hits = np.split(_sums(weights, self.columns), 3, axis=1)
        f1 = 2 * hits / (right + chosen + EPSILON)
        everything = 2 * right / (right + total)
        macro, macro_everything = (f1 * self.shown).mean(axis=1), everything.mean(axis=1)
        means = weights @ self.means / total
        precision = self._ranked(Ranking.average_precision, weights)
        return {
            "macro_f1": macro,
            "macro_f1_predict_everything": macro_everything,
            "macro_f1_gain": macro - macro_everything,
            "micro_f1": 2 * (hits @ self.shown) / (right.sum(axis=1) + chosen @ self.shown + EPSILON),
            "samples_f1": means[:, 0],
            "mean_average_precision": mean_of_defined(precision),
            "expected_calibration_error": np.abs(means[:, 1:]).sum(axis=1) / self.genres,
            "f1": f1,
            "f1_predict_everything": everything,
            "f1_gain": f1 - everything,
            "precision": ratio(hits, chosen),
            "recall": ratio(hits, right),
            "average_precision": precision,
        }

    def auc(self, weights: Floats) -> Floats:
        """Area under the ROC curve of each genre, (r, genres); NaN where all or none have it."""
        return self._ranked(Ranking.auc, weights)

    def _ranked(self, measure: Callable[[Ranking, Any], Floats], weights: Floats) -> Floats:
        # a row a poster: what a ranking then gathers lies side by side
        upright = np.ascontiguousarray(weights.T, dtype=np.float32)
        return np.stack([measure(ranking, upright) for ranking in self.rankings], axis=1)


def weighted_f1(weights: Floats, truth: npt.NDArray[Any], decisions: npt.NDArray[Any]) -> Floats:
    """F1 of each genre, (r, genres), for weights (r, n)."""
    right, chosen, hits = (_sums(weights, table) for table in (truth, decisions, truth & decisions))
    return 2 * hits / (right + chosen + EPSILON)


def precision_recall_coverage(truth: npt.NDArray[Any], decisions: Bools) -> Statistics:
    """Micro `precision` and `recall`, and `coverage`, the share of posters with a predicted genre.

    Precision is NaN where nothing is predicted, recall where nothing is true.
    """
    hits = decisions & (truth == 1)
    columns = np.stack(
        [hits.sum(axis=1), decisions.sum(axis=1), truth.sum(axis=1), decisions.any(axis=1)], axis=1
    ).astype(np.float64)

    def statistics(weights: Floats) -> Mapping[str, Floats]:
        found, made, wanted, covered = (weights @ columns).T
        return {
            "precision": ratio(found, made),
            "recall": ratio(found, wanted),
            "coverage": covered / weights.sum(axis=1),
        }

    return statistics


def tick_columns(labels: npt.NDArray[Any], ticked: Bools) -> Floats:
    """(n, 2): how many genres of each film a reviewer must untick or add, and whether there are none."""
    wrong = (labels.astype(bool) != ticked).sum(axis=1)
    return np.stack([wrong, wrong == 0], axis=1).astype(np.float64)


def decision_metrics(truth: npt.NDArray[Any], decisions: Bools) -> dict[str, float | None]:
    """Micro precision, recall and coverage of decisions, ready for JSON."""
    values = precision_recall_coverage(truth, decisions)(np.ones((1, len(truth))))
    return {name: finite(value[0]) for name, value in values.items()}


def mean_average_precision(truth: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Mean of the average precision over genres that have a positive; NaN if none has."""
    labels, values = _checked(truth, scores)
    once = np.ones((len(labels), 1))
    rankings = (Ranking(labels[:, genre], values[:, genre]) for genre in range(labels.shape[1]))
    return float(mean_of_defined(np.array([ranking.average_precision(once)[0] for ranking in rankings])))


def calibration_error(
    truth: npt.ArrayLike, scores: npt.ArrayLike, *, resamples: int = 1000, seed: int = 0
) -> Figure:
    """The expected calibration error with its 95% interval over posters.

    It is the mean gap between score and frequency, over all (poster, genre) pairs in equal bins of score: Guo
    et al., "On calibration of modern neural networks", 2017; in [0, 1], 0 is calibrated.

    Raises ValueError if a score lies outside [0, 1].
    """
    labels, values = _checked(truth, scores)
    gaps = _calibration_gaps(labels, values)

    def statistics(weights: Floats) -> Mapping[str, Floats]:
        return {"error": np.abs(weights @ gaps).sum(axis=1) / labels.size}

    found: Figure = bootstrap(statistics, len(gaps), resamples=resamples, seed=seed)["error"]
    return found


def _calibration_gaps(labels: Bools, scores: npt.NDArray[np.floating]) -> Floats:
    """How much each poster adds to the gap of each bin: (n, bins) sums of score minus label."""
    if scores.min() < 0 or scores.max() > 1:
        raise ValueError("Calibration needs scores between 0 and 1.")
    bins = CALIBRATION_BINS
    which = np.minimum((scores * bins).astype(np.int64), bins - 1)
    place = (np.arange(len(scores))[:, None] * bins + which).ravel()
    gap = (scores.astype(np.float64) - labels).ravel()
    sums = np.bincount(place, weights=gap, minlength=len(scores) * bins)
    return np.asarray(sums, dtype=np.float64).reshape(len(scores), bins)


def _checked(truth: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Bools, npt.NDArray[np.floating]]:
    labels, values = np.asarray(truth), np.asarray(scores)
    if labels.ndim != 2 or labels.shape != values.shape or 0 in labels.shape:
        raise ValueError(
            "Labels and scores must be two non-empty tables of one shape; "
            f"got {labels.shape} and {values.shape}."
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("Labels must be 0 or 1.")
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("Some scores are not finite numbers.")
    return labels.astype(bool), values


def _sums(weights: Floats, table: npt.NDArray[Any]) -> Floats:
    return (weights.astype(np.float32) @ table.astype(np.float32, copy=False)).astype(np.float64)
