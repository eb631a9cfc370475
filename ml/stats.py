"""Intervals (bootstrap, Wilson), and the weighted statistics that bootstrap intervals are computed from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Figure = dict[str, Any]
"""{"value", "low", "high"}: a number and its 95% interval, ready for JSON. Undefined numbers are None."""
Statistics = Callable[[Floats], Mapping[str, Floats]]

_RESAMPLES_AT_ONCE = 64


def bootstrap(statistics: Statistics, rows: int, *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Compute named statistics of `rows` rows with 95% percentile bootstrap intervals.

    A resample is an array of weights: how often each row was drawn. All statistics share the same resamples,
    so the interval of a difference is a paired one. A statistic that is undefined (NaN) in some resamples is
    taken over the others.

    Efron & Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.

    Args:
        statistics: takes weights (r, rows) float64 and returns arrays (r, ...) by name.

    Returns:
        by name a Figure, or for an array (r, k, ...) nested lists of Figures in the shape (k, ...).

    Raises:
        ValueError: there are no rows.
    """
    if rows < 1:
        raise ValueError("A bootstrap needs at least one row.")
    value = statistics(np.ones((1, rows)))
    resampled = [statistics(weights) for weights in resample_weights(rows, resamples, seed)]
    return {
        name: _figures(value[name][0], *_interval(np.concatenate([part[name] for part in resampled])))
        for name in value
    }


def resample_weights(rows: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each row is drawn in each resample: tables of counts (at most 64 resamples, rows)."""
    random = np.random.default_rng(seed)
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        drawn = [
            np.bincount(random.integers(0, rows, rows), minlength=rows)
            for _ in range(min(_RESAMPLES_AT_ONCE, resamples - start))
        ]
        yield np.array(drawn, dtype=np.float64)


def figure(value: float, low: float, high: float) -> Figure:
    """The value and the ends of its interval, ready for JSON."""
    return {"value": finite(value), "low": finite(low), "high": finite(high)}


def wilson(part: int, whole: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of the share part / whole, 95% by default; (0, 1) if `whole` is 0.

    Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if whole == 0:
        return 0.0, 1.0
    share = part / whole
    centre = share + z * z / (2 * whole)
    margin = z * math.sqrt(share * (1 - share) / whole + (z / (2 * whole)) ** 2)
    scale = 1 + z * z / whole
    return max(0.0, (centre - margin) / scale), min(1.0, (centre + margin) / scale)


def finite(value: Any) -> float | None:
    """The number as JSON can hold it: None for NaN and infinity."""
    return float(value) if np.isfinite(value) else None


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    """part / whole, elementwise; NaN where whole is 0."""
    parts, wholes = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.divide(parts, wholes, out=np.full(parts.shape, np.nan), where=wholes > 0)


def weighted_means(weights: Floats, columns: npt.NDArray[Any]) -> Floats:
    """Means over rows, NaN left out: (r, ...) for weights (r, n) and columns (n, ...)."""
    known = ~np.isnan(columns)
    sums = np.tensordot(weights, np.where(known, columns, 0.0), axes=1)
    return ratio(sums, np.tensordot(weights, known.astype(np.float64), axes=1))


def mean_of_defined(values: Floats) -> Floats:
    """Means over the last axis, NaN left out; NaN where all are."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1))


def threshold_steps(
    positive: npt.NDArray[Any], scores: npt.NDArray[np.floating]
) -> tuple[Floats, Floats, npt.NDArray[Any]]:
    """Possible thresholds from the highest score down, equal scores as one step.

    positive, scores: (n,). Returns three arrays (steps,): how many positives and how many rows score at least
    as high, and the score.
    """
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)[: len(order)])
    hits = np.cumsum(positive[order], dtype=np.float64)
    return hits[last], (last + 1).astype(np.float64), falling[last]


class Ranking:
    """Rows sorted by score, to measure how well the scores rank the positives; equal scores are tied.

    Args:
        positive: (n,) of 0 and 1.
        scores: (n,).

    The methods take weights (n, r), the weight of each row in r resamples, and return (r,) float64.
    """

    def __init__(self, positive: npt.NDArray[Any], scores: npt.NDArray[np.floating]) -> None:
        self._order = np.argsort(-scores, kind="stable")
        falling, hits = scores[self._order], positive[self._order] > 0
        starts = np.flatnonzero(np.append(True, falling[1:] != falling[:-1]))
        has_hit = np.logical_or.reduceat(hits, starts)
        # Neighbouring scores without a positive are a single step: their order changes nothing.
        steps = has_hit | np.append(True, has_hit[:-1])
        self._starts, self._hit_steps = starts[steps], np.flatnonzero(has_hit[steps])
        self._hits = self._order[hits]
        self._hit_starts = np.searchsorted(np.flatnonzero(hits), self._starts[self._hit_steps])

    def average_precision(self, weights: npt.NDArray[np.floating]) -> Floats:
        """Average precision as scikit-learn defines it; NaN where no positive has a weight."""
        positive, total = self._steps(weights)
        above, count = np.cumsum(positive, axis=0), np.cumsum(total, axis=0)
        precision = np.divide(positive * above, count, out=np.zeros_like(above), where=count > 0)
        return ratio(precision.sum(axis=0, dtype=np.float64), above[-1])

    def auc(self, weights: npt.NDArray[np.floating]) -> Floats:
        """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half
        (Mann & Whitney 1947); NaN where all or none are positive."""
        positive, total = self._steps(weights)
        negative = total - positive
        above = np.cumsum(negative, axis=0)
        pairs = (positive * (above[-1] - above + negative / 2)).sum(axis=0, dtype=np.float64)
        return ratio(pairs, positive.sum(axis=0, dtype=np.float64) * above[-1])

    def _steps(self, weights: npt.NDArray[np.floating]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """The weight of positives and of all rows at each step, (steps, r), from the highest score down."""
        total = np.add.reduceat(weights[self._order], self._starts, axis=0)
        positive = np.zeros_like(total)
        if len(self._hits):
            positive[self._hit_steps] = np.add.reduceat(weights[self._hits], self._hit_starts, axis=0)
        return positive, total


def _interval(table: Floats) -> tuple[Floats, Floats]:
    """The ends of the 95% percentile interval over the first axis; NaN where all are."""
    undefined = np.isnan(table).all(axis=0)
    low, high = np.nanpercentile(np.where(undefined, 0.0, table), [2.5, 97.5], axis=0)
    return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)


def _figures(value: Any, low: Any, high: Any) -> Any:
    if np.ndim(value) == 0:
        return figure(value, low, high)
    return [_figures(*row) for row in zip(value, low, high, strict=True)]
