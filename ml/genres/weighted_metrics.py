"""Genre metrics of many resamples at once, for the bootstrap: each resample is a weight for every poster.

A metric of a resample equals, to rounding, that of `ml.genres.metrics` on the rows drawn. But counts become
one matrix product over all resamples, and scores are sorted once: 1,000 resamples of 10,000 posters take
seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.metrics import CALIBRATION_BINS, EPSILON, calibration_gaps
from ml.stats import Figure, Floats, Ranking, Statistics, bootstrap, mean_of_defined, ratio

Labels = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]


class WeightedMetrics:
    """The metrics of labels (n, g), scores (n, g) and decisions (n, g) for weights (r, n) of the posters.

    Calling it gives the overall metrics, (r,) each, and `f1` and `f1_gain` of each genre, (r, g). The gain is
    the difference to the F1 of predicting the genre for every poster.

    shown: (g,), which genres are ever suggested. The others count as never predicted in the overall metrics;
    their own F1 is that of the decisions that would have been taken.
    """

    def __init__(
        self, truth: Labels, scores: npt.NDArray[np.floating], taken: Bools, shown: Bools | None = None
    ) -> None:
        right, chosen = truth.astype(np.float64), taken.astype(np.float64)
        hits = right * chosen
        self.genres = truth.shape[1]
        self.shown = np.ones(self.genres) if shown is None else shown.astype(np.float64)
        samples_f1 = 2 * (hits @ self.shown) / (right.sum(axis=1) + chosen @ self.shown + EPSILON)
        gaps = calibration_gaps(truth, scores, CALIBRATION_BINS)
        # float32 holds these small whole numbers and their sums exactly up to 16 million
        self.columns = np.hstack([right, chosen, hits]).astype(np.float32)
        self.means = np.hstack([samples_f1[:, None], gaps])
        self.rankings = [Ranking(truth[:, genre], scores[:, genre]) for genre in range(self.genres)]

    def __call__(self, weights: Floats) -> Mapping[str, Floats]:
        total = weights.sum(axis=1, keepdims=True)
        right, chosen, hits = np.split(_sums(weights, self.columns), 3, axis=1)
        f1 = 2 * hits / (right + chosen + EPSILON)
        always = 2 * right / (right + total)
        macro, macro_always = (f1 * self.shown).mean(axis=1), always.mean(axis=1)
        means = weights @ self.means / total
        return {
            "macro_f1": macro,
            "macro_f1_predict_everything": macro_always,
            "macro_f1_gain": macro - macro_always,
            "micro_f1": 2 * (hits @ self.shown) / (right.sum(axis=1) + chosen @ self.shown + EPSILON),
            "samples_f1": means[:, 0],
            "mean_average_precision": mean_of_defined(self._ranked(Ranking.average_precision, weights)),
            "expected_calibration_error": np.abs(means[:, 1:]).sum(axis=1) / self.genres,
            "f1": f1,
            "f1_gain": f1 - always,
        }

    def auc(self, weights: Floats) -> Floats:
        """Area under the ROC curve of each genre, (r, g); NaN where all or none have it."""
        return self._ranked(Ranking.auc, weights)

    def _ranked(self, measure: Any, weights: Floats) -> Floats:
        # a row a poster: what a ranking then gathers lies side by side
        upright = np.ascontiguousarray(weights.T, dtype=np.float32)
        return np.stack([measure(ranking, upright) for ranking in self.rankings], axis=1)


def weighted_f1(weights: Floats, truth: npt.NDArray[Any], chosen: npt.NDArray[Any]) -> Floats:
    """F1 of each genre, (r, g), of decisions (n, g) for weights (r, n)."""
    right, made, hits = (_sums(weights, table) for table in (truth, chosen, truth & chosen))
    return 2 * hits / (right + made + EPSILON)


def precision_recall_coverage(truth: Labels, chosen: Bools) -> Statistics:
    """Micro `precision` and `recall` of decisions (n, g), and `coverage`, the share of posters with one.

    Precision is NaN where nothing is chosen, recall where nothing is true.
    """
    hits = chosen & (truth == 1)
    columns = np.stack(
        [hits.sum(axis=1), chosen.sum(axis=1), truth.sum(axis=1), chosen.any(axis=1)], axis=1
    ).astype(np.float64)

    def statistics(weights: Floats) -> Mapping[str, Floats]:
        found, made, wanted, covered = (weights @ columns).T
        return {
            "precision": ratio(found, made),
            "recall": ratio(found, wanted),
            "coverage": covered / weights.sum(axis=1),
        }

    return statistics


def calibration_error(truth: Labels, scores: npt.NDArray[np.floating], resamples: int, seed: int) -> Figure:
    """The expected calibration error with its 95% interval over posters."""
    gaps = calibration_gaps(truth, scores, CALIBRATION_BINS)

    def statistics(weights: Floats) -> Mapping[str, Floats]:
        return {"error": np.abs(weights @ gaps).sum(axis=1) / truth.size}

    found: Figure = bootstrap(statistics, len(gaps), resamples=resamples, seed=seed)["error"]
    return found


def _sums(weights: Floats, table: npt.NDArray[Any]) -> Floats:
    return (weights.astype(np.float32) @ table.astype(np.float32, copy=False)).astype(np.float64)
