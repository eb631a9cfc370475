"""Platt scaling of out-of-fold logits, with the slope of each genre shrunk towards a common one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.genres.logistic import log_loss

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]

NEWTON_STEPS = 30
BISECTIONS = 60
# A change of slope or offset that changes no score noticeably.
TOLERANCE = 1e-6
# Limits of slopes; they keep useless genres finite.
MIN_SLOPE, MAX_SLOPE = 0.05, 20.0
# The standard error of a slope that could not be measured.
UNKNOWN_ERROR = 1e6
# Weight of one additional average poster: it keeps genres that no poster or every poster has finite.
PRIOR = 1e-3


@dataclass(frozen=True)
class Calibration:
    """Per genre: calibrated logit = slope * logit + offset; slope and offset (genres,) float64."""

    slope: Floats
    offset: Floats

    @classmethod
    def none(cls, genres: int) -> Calibration:
        """The identity."""
        return cls(np.ones(genres), np.zeros(genres))

    def apply(self, logits: npt.NDArray[np.floating]) -> Floats:
        """Calibrated logits, float64, shaped like `logits` (n, genres)."""
        return np.asarray(logits * self.slope + self.offset, dtype=np.float64)


def platt(truth: Labels, logits: npt.NDArray[np.floating]) -> Calibration:
    """Fit slopes and offsets to labels (n, genres) and out-of-fold logits (n, genres).

    Platt, "Probabilistic outputs for support vector machines", 1999. The logarithm of each genre's slope is
    shrunk towards the pooled one according to its standard error (random-effects model of DerSimonian &
    Laird, "Meta-analysis in clinical trials", 1986). The offset then makes a genre's mean score its
    frequency.
    """
    # One genre per row: sums run over adjacent memory.
    values = np.ascontiguousarray(logits.T, dtype=np.float64)
    labels = np.ascontiguousarray(truth.T, dtype=np.float64)
    own, error = _slopes(labels, values)
    # A genre that all posters or none have has no slope of its own.
    known = (labels.min(axis=1) == 0) & (labels.max(axis=1) == 1)
    slope = np.exp(shrink(np.where(known, np.log(own), 0.0), np.where(known, error / own, UNKNOWN_ERROR)))
    return Calibration(slope, _offsets(labels, values * slope[:, None]))


def shrink(values: Floats, errors: Floats) -> Floats:
    """Shrink (genres,) estimates with standard errors towards their pooled mean, empirical-Bayes style.

    If errors fall like 1 / sqrt(n), the weight of a genre's own value is n / (n + k), where k is the error
    variance of one example over the variance between genres.
    """
    variances = np.maximum(errors, 1e-9) ** 2
    precision = 1 / variances
    centre = (precision * values).sum() / precision.sum()
    scatter = (precision * (values - centre) ** 2).sum()
    room = precision.sum() - (precision**2).sum() / precision.sum()
    between = max(0.0, (scatter - (len(values) - 1)) / room) if room > 0 else 0.0
    precision = 1 / (variances + between)
    centre = (precision * values).sum() / precision.sum()
    weight = between / (between + variances)
    return np.asarray(weight * values + (1 - weight) * centre, dtype=np.float64)


def mean_log_loss(truth: Labels, logits: npt.NDArray[np.floating]) -> float:
    """Mean over genres of the log-loss in nats."""
    return float(log_loss(truth, logits).mean())


def _slopes(truth: Floats, logits: Floats) -> tuple[Floats, Floats]:
    """Slope of each genre and its standard error, by Newton's method over (slope, offset); inputs (genres,
    n).

    Labels become Platt's targets, (n + 1) / (n + 2) and 1 / (n + 2) instead of 1 and 0: otherwise the slope
    of a genre that is ranked perfectly would be infinite.
    """
    rows = truth.shape[1]
    share = truth.mean(axis=1).clip(1e-6, 1 - 1e-6)
    positives = truth.sum(axis=1)
    high, low = (positives + 1) / (positives + 2), 1 / (rows - positives + 2)
    truth = low[:, None] + truth * (high - low)[:, None]
    # Starting from the genre's frequency keeps Newton's first steps short.
    slope, offset = np.ones(len(truth)), np.log(share / (1 - share)) - logits.mean(axis=1)
    for _ in range(NEWTON_STEPS):
        score = _sigmoid(logits * slope[:, None] + offset[:, None])
        residual = score - truth
        spread = score * (1 - score)
        weighted = spread * logits
        first = _dot(residual, logits) + PRIOR * (slope - 1)
        second = residual.sum(axis=1) + PRIOR * (_sigmoid(offset) - share)
        aa = _dot(weighted, logits) + PRIOR
        ab, bb = weighted.sum(axis=1), spread.sum(axis=1) + PRIOR
        size = np.maximum(aa * bb - ab**2, 1e-12)
        step_a, step_b = (bb * first - ab * second) / size, (aa * second - ab * first) / size
        # Limited steps: far from the optimum, full ones may diverge.
        slope = (slope - step_a.clip(-1, 1)).clip(-MAX_SLOPE, MAX_SLOPE)
        offset = offset - step_b.clip(-2, 2)
        if max(np.abs(step_a).max(), np.abs(step_b).max()) < TOLERANCE:
            break
    return slope.clip(MIN_SLOPE, MAX_SLOPE), np.sqrt(bb / size)


def _offsets(truth: Floats, logits: Floats) -> Floats:
    """The offset of each genre that makes its mean score its frequency; inputs (genres, n).

    Newton's method, with bisection where a step would leave the bounds.
    """
    share = ((truth.sum(axis=1) + PRIOR / 2) / (truth.shape[1] + PRIOR)).clip(1e-6, 1 - 1e-6)
    odds = np.log(share / (1 - share))
    low, high = odds - logits.max(axis=1), odds - logits.min(axis=1)
    offset = (odds - logits.mean(axis=1)).clip(low, high)
    for _ in range(BISECTIONS):
        score = _sigmoid(logits + offset[:, None])
        gap = score.mean(axis=1) - share
        low, high = np.where(gap > 0, low, offset), np.where(gap > 0, offset, high)
        wanted = offset - gap / np.maximum((score * (1 - score)).mean(axis=1), 1e-12)
        inside = (low < wanted) & (wanted < high)
        moved = np.where(inside, wanted, (low + high) / 2)
        if np.abs(moved - offset).max() < TOLERANCE:
            return moved
        offset = moved
    return offset


def _dot(one: Floats, other: Floats) -> Floats:
    return np.einsum("gn,gn->g", one, other)


def _sigmoid(values: Floats) -> Floats:
    return 0.5 * (np.tanh(0.5 * values) + 1)
