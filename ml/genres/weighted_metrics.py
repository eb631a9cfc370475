"""The scorecard's figures on many bootstrap resamples at once: every resample is a weight for each poster.

A figure of a resample equals, to rounding, that of `metrics` on the drawn rows; but counts become one matrix
product over all resamples, and the scores are sorted once. 1,000 resamples of 10,000 posters take seconds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ml.genres.metrics import CALIBRATION_BINS, EPSILON, calibration_gaps

Floats = npt.NDArray[np.float64]

RESAMPLES_AT_ONCE = 64


class Resampled:
    """Labels (n, g), scores (n, g) and decisions (n, g), prepared to be weighed.

    The figures, in order: macro F1, that of predicting everything, their difference, micro F1, samples F1,
    mean average precision, calibration error; then g F1 and g differences of F1 to predicting always.

    shown: (g,), which genres are ever suggested. The others count as never predicted in the overall figures;
    their own F1 is that of the decisions that would have been taken.
    """

    def __init__(
        self,
        truth: npt.NDArray[np.uint8],
        scores: npt.NDArray[np.floating],
        taken: npt.NDArray[np.bool_],
        shown: npt.NDArray[np.bool_],
    ) -> None:
        right, chosen = truth.astype(np.float64), taken.astype(np.float64)
        hits = right * chosen
        self.shown = shown.astype(np.float64)
        set_f1 = 2 * (hits @ self.shown) / (right.sum(axis=1) + chosen @ self.shown + EPSILON)
        gaps = calibration_gaps(truth, scores, CALIBRATION_BINS)
        self.genres = truth.shape[1]
        # float32 holds these small whole numbers and their sums exactly up to 16 million
        self.columns = np.hstack([right, chosen, hits]).astype(np.float32)
        self.means = np.hstack([set_f1[:, None], gaps])
        self.rank = [_Ranking(right[:, genre], scores[:, genre]) for genre in range(self.genres)]

    def of(self, weights: Floats) -> Floats:
        """(resamples, figures) for weights (resamples, n): how often each poster was drawn."""
        total = weights.sum(axis=1, keepdims=True)
        counts = (weights.astype(np.float32) @ self.columns).astype(np.float64)
        right, chosen, hits = np.split(counts, 3, axis=1)
        f1 = 2 * hits / (right + chosen + EPSILON)
        always = 2 * right / (right + total)
        means = weights @ self.means / total
        micro = 2 * (hits @ self.shown) / (right.sum(axis=1) + chosen @ self.shown + EPSILON)
        macro = (f1 * self.shown).mean(axis=1)
        # a row a poster: what a ranking then gathers lies side by side
        upright = np.ascontiguousarray(weights.T, dtype=np.float32)
        precision = np.stack([ranking.average_precision(upright) for ranking in self.rank], axis=1)
        known = ~np.isnan(precision)
        seen = known.sum(axis=1)
        mean_precision = np.divide(
            np.where(known, precision, 0.0).sum(axis=1), seen, out=np.full(len(seen), np.nan), where=seen > 0
        )
        overall = [
            macro,
            always.mean(axis=1),
            macro - always.mean(axis=1),
            micro,
            means[:, 0],
            mean_precision,
            np.abs(means[:, 1:]).sum(axis=1) / self.genres,
        ]
        return np.hstack([np.stack(overall, axis=1), f1, f1 - always])

    def interval(self, resamples: int, seed: int) -> tuple[Floats, Floats]:
        """Low and high of the 95% percentile interval of each figure (Efron & Tibshirani 1993, chapter 13).

        A figure that is undefined in some resamples is taken over the others.
        """
        table = np.vstack([self.of(weights) for weights in draws(len(self.columns), resamples, seed)])
        undefined = np.isnan(table).all(axis=0)
        low, high = np.nanpercentile(np.where(undefined, 0.0, table), [2.5, 97.5], axis=0)
        return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)


def draws(rows: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each of `rows` is drawn in each resample: tables (at most 64 resamples, rows) of counts."""
    random = np.random.default_rng(seed)
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        drawn = [
            np.bincount(random.integers(0, rows, rows), minlength=rows)
            for _ in range(min(RESAMPLES_AT_ONCE, resamples - start))
        ]
        yield np.array(drawn, dtype=np.float64)


def calibration_error(
    truth: npt.NDArray[np.uint8], scores: npt.NDArray[np.floating], resamples: int, seed: int
) -> dict[str, float]:
    """The expected calibration error with its 95% interval over posters: {"value", "low", "high"}."""
    gaps = calibration_gaps(truth, scores, CALIBRATION_BINS)
    value = np.abs(gaps.sum(axis=0)).sum() / truth.size
    drawn = [np.abs(weights @ gaps).sum(axis=1) / truth.size for weights in draws(len(gaps), resamples, seed)]
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5])
    return {"value": float(value), "low": float(low), "high": float(high)}


class _Ranking:
    """One genre's posters from the highest score down; equal scores are one step."""

    def __init__(self, right: Floats, scores: npt.NDArray[np.floating]) -> None:
        self.order = np.argsort(-scores, kind="stable")
        falling = -scores[self.order]
        found = right[self.order] > 0
        self.hits = np.flatnonzero(found)
        last_equal = np.searchsorted(falling, falling[found], side="right") - 1
        self.step = np.searchsorted(self.hits, last_equal, side="right") - 1
        # between two hits only the number of posters counts: they are added up in one go
        ends, self.place = np.unique(last_equal, return_inverse=True)
        self.order = self.order[: ends[-1] + 1] if ends.size else self.order[:0]
        self.starts = np.append(0, ends[:-1] + 1)

    def average_precision(self, weights: npt.NDArray[np.float32]) -> Floats:
        """(resamples,) for weights (n, resamples); NaN where no positive was drawn."""
        if not self.hits.size:
            return np.full(weights.shape[1], np.nan)
        between = np.add.reduceat(weights[self.order], self.starts, axis=0)
        below = np.cumsum(between, axis=0)[self.place]
        positive = weights[self.order[self.hits]]
        count = positive.sum(axis=0, dtype=np.float64)
        # positives up to and with the last of those that score the same
        above = np.cumsum(positive, axis=0)[self.step]
        part = np.divide(positive * above, below, out=np.zeros_like(above), where=below > 0)
        return np.divide(
            part.sum(axis=0, dtype=np.float64), count, out=np.full(len(count), np.nan), where=count > 0
        )
