"""Genre figures of many resamples without sorting again: a resample is how often each poster counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml.genres.thresholds import decide

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Drawn = npt.NDArray[np.int64]

FIGURES = ("macro_auc", "coverage_suggest", "sure_precision", "sure_recall", "sure_coverage")


class Weighed:
    """Labels (n, g), scores (n, g) and the cuts (g,) of both operating points, prepared to be drawn from.

    Scores are sorted once. Without sure cuts the figures of that point are NaN.
    """

    def __init__(
        self,
        truth: npt.NDArray[np.uint8],
        scores: npt.NDArray[np.float32],
        suggest: Floats,
        sure: Floats | None,
    ) -> None:
        self.truth = truth.astype(bool)
        self.suggested = decide(scores, suggest)
        self.sure = None if sure is None else decide(scores, sure)
        self.ranking = [_Ranking(self.truth[:, genre], scores[:, genre]) for genre in range(truth.shape[1])]

    def figures(self, drawn: Drawn) -> Floats:
        """FIGURES, then the AUC of each genre, of the posters `drawn` (with repetition): (5 + g,)."""
        weights = self._weights(drawn)
        auc = np.array([ranking.auc(weights) for ranking in self.ranking])
        coverage = weights @ self.suggested.any(axis=1) / weights.sum()
        return np.concatenate([[_mean(auc), coverage], self._sure(weights), auc])

    def _weights(self, drawn: Drawn) -> Floats:
        return np.bincount(drawn, minlength=len(self.truth)).astype(np.float64)

    def _sure(self, weights: Floats) -> Floats:
        if self.sure is None:
            return np.full(3, np.nan)
        hits = weights @ (self.truth & self.sure).sum(axis=1)
        made, wanted = weights @ self.sure.sum(axis=1), weights @ self.truth.sum(axis=1)
        precision = hits / made if made else np.nan
        recall = hits / wanted if wanted else np.nan
        return np.array([precision, recall, weights @ self.sure.any(axis=1) / weights.sum()])


class _Ranking:
    """One genre's posters from the lowest score up; equal scores are one step."""

    def __init__(self, right: Bools, scores: npt.NDArray[np.float32]) -> None:
        self.order = np.argsort(scores, kind="stable")
        rising = scores[self.order]
        self.steps = np.flatnonzero(np.append(True, rising[1:] != rising[:-1]))
        self.right = right[self.order]

    def auc(self, weights: Floats) -> float:
        """The chance that a poster with the genre scores above one without, ties counting half (Mann &
        Whitney 1947); NaN where all or none have it."""
        ordered = weights[self.order]
        positive = np.add.reduceat(np.where(self.right, ordered, 0.0), self.steps)
        negative = np.add.reduceat(np.where(self.right, 0.0, ordered), self.steps)
        pairs = positive.sum() * negative.sum()
        above = positive @ (np.cumsum(negative) - negative / 2)
        return float(above / pairs) if pairs else float("nan")


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
