"""Choose which genres are suggested, above which scores, and above which suggestions are sure.

All from out-of-fold scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.metrics import decision_metrics, precision_recall_coverage
from ml.genres.thresholds import NEVER
from ml.stats import Ranking, bootstrap, threshold_steps

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]

# A precision of fewer (poster, genre) pairs is not reliable.
MIN_SURE_PAIRS = 30
# Correct pairs above the sure cut that a genre needs to be sure.
MIN_SURE_HITS = 5
# The lower end of a 95% interval, in standard deviations.
SIGNIFICANT_DEVIATIONS = 1.96
ABSTENTION_CUTS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def ranked_above_chance(truth: Labels, scores: npt.NDArray[np.floating]) -> Bools:
    """Which genres the scores rank better than chance, significantly; (genres,).

    truth, scores: (n, genres), scores out of fold. The test does not ask whether F1 beats that of always
    predicting the genre: with a few hundred posters, F1 varies so much that most useful genres would fail.
    """
    return np.asarray(rank_deviations(truth, scores) > SIGNIFICANT_DEVIATIONS)


def rank_deviations(truth: Labels, scores: npt.NDArray[np.floating]) -> Floats:
    """By how many standard deviations the scores rank a genre's posters above chance; (genres,) float64.

    truth, scores: (n, genres). Wilcoxon's rank-sum test, whose statistic is the area under the ROC curve
    times the number of pairs: Mann & Whitney, "On a test of whether one of two random variables is
    stochastically larger than the other", 1947. Its variance under chance is known for any number of posters,
    while the interval around an observed area is too short for a few. 0 if all posters have the genre or
    none.

    Ranks are over all folds; within folds more genres pass. The test ignores that models of overlapping folds
    err together: on 300 to 1,200 real posters, 6 to 8% of genres with shuffled labels passed instead of 2.5%
    (none if the labels of all genres were shuffled).
    """
    once = np.ones((len(truth), 1))
    rankings = (Ranking(truth[:, genre], scores[:, genre]) for genre in range(truth.shape[1]))
    auc = np.array([ranking.auc(once)[0] for ranking in rankings])
    positives = truth.sum(axis=0, dtype=np.float64)
    pairs = positives * (len(truth) - positives)
    return np.where(pairs > 0, (auc - 0.5) * np.sqrt(12 * pairs / (len(truth) + 1)), 0.0)


def suggest_thresholds(truth: Labels, scores: npt.NDArray[np.floating], shrinkage: float) -> Floats:
    """Thresholds that maximise F1: half the best F1 of each genre, shrunk; (genres,) float64.

    truth, scores: (n, genres), scores calibrated and out of fold. For calibrated scores, the optimal
    threshold is half the best attainable F1 (Lipton, Elkan & Naryanaswamy, "Optimal thresholding of
    classifiers to maximize F1 measure", 2014). With few positives the best observed F1 is too high, so a
    genre of n positives gets weight n / (n + shrinkage), and the pooled value the rest. Thresholds depend on
    frequency, so what is pooled (weighted by positives) is the part of the way from the F1 of always
    predicting to 1, in logarithms.
    """
    best = best_f1(truth, scores)
    positives = truth.sum(axis=0).astype(np.float64)
    share = (positives / len(truth)).clip(1e-9, 1)
    always = 2 * share / (1 + share)
    room = np.log(1 / always)
    gain = np.log(np.maximum(best, always) / always)
    weight = positives / (positives + shrinkage)
    # The part of the way from always predicting to a perfect score: no threshold exceeds one half.
    part = np.divide(gain, room, out=np.zeros_like(gain), where=room > 0)
    counted = np.where(room > 0, positives, 0.0)
    pooled = (counted * part).sum() / max(counted.sum(), 1.0)
    shrunk = weight * part + (1 - weight) * pooled
    return np.asarray(np.exp(np.log(always) + shrunk * room) / 2, dtype=np.float64)


def best_f1(truth: Labels, scores: npt.NDArray[np.floating]) -> Floats:
    """The best F1 that any threshold gives each genre, (genres,) float64; 0 without a positive."""
    result = []
    for genre in range(truth.shape[1]):
        hits, count, _ = threshold_steps(truth[:, genre], scores[:, genre])
        result.append((2 * hits / (count + max(hits[-1], 1.0))).max())
    return np.array(result)


@dataclass(frozen=True)
class SureTarget:
    """The target of *sure* suggestions: `precision`, lowered down to `least` until `recall` of the true
    (poster, genre) pairs is reached."""

    precision: float
    least: float
    recall: float


@dataclass(frozen=True)
class SurePoint:
    """cut: the common score above which a suggestion is sure. target: the precision aimed at. genres
    (genres,): which may be sure at all."""

    cut: float
    target: float
    genres: Bools


def sure_point(
    truth: Labels, scores: npt.NDArray[np.floating], allowed: Bools, target: SureTarget
) -> SurePoint:
    """Choose the cut with the highest precision from target.least to target.precision that reaches the
    recall.

    truth, scores, allowed: (n, genres), scores calibrated and out of fold; allowed: which pairs are suggested
    at all. If no such precision reaches the recall, target.least is used.

    There is one cut for all genres: a calibrated score is the probability of being correct, so for any number
    of pairs, those with the highest scores hold the most correct ones, whatever their genre (Neyman &
    Pearson's lemma). Precision and recall are measured on thousands of pairs instead of a genre's few
    posters. A genre with fewer than MIN_SURE_HITS correct pairs above the cut is never sure.
    """
    best = _precision_at(truth, scores, allowed, target.recall)
    precision = min(max(best, min(target.least, target.precision)), target.precision)
    cut = sure_cut(truth, scores, allowed, precision)
    hits = (allowed & (scores > cut) & (truth == 1)).sum(axis=0)
    return SurePoint(cut, precision, np.asarray(hits >= MIN_SURE_HITS))


def sure_cut(truth: Labels, scores: npt.NDArray[np.floating], allowed: Bools, precision: float) -> float:
    """The lowest score above which the allowed (poster, genre) pairs have this precision.

    truth, scores, allowed: (n, genres). NEVER if no cut with enough pairs above it is that precise.
    """
    hits, count, falling = threshold_steps(truth[allowed], scores[allowed])
    enough = np.flatnonzero((count >= MIN_SURE_PAIRS) & (hits / count >= precision))
    if not len(enough):
        return NEVER
    last = int(enough[-1])
    # The middle of the gap to the next score, so that rounding to float32 changes nothing.
    return float((falling[last] + (falling[last + 1] if last + 1 < len(falling) else 0.0)) / 2)


def _precision_at(truth: Labels, scores: npt.NDArray[np.floating], allowed: Bools, recall: float) -> float:
    """The best precision of a cut with at least `recall` of all true pairs above it; 0 if there is none."""
    hits, count, _ = threshold_steps(truth[allowed], scores[allowed])
    possible = (count >= MIN_SURE_PAIRS) & (hits >= recall * truth.sum())
    return float((hits / count)[possible].max(initial=0.0))


def sure_thresholds(suggest: Sequence[float] | Floats, point: SurePoint) -> tuple[float, ...]:
    """The sure threshold of each genre: the common cut or its suggest threshold, whichever is higher; NEVER
    for a genre that may not be sure."""
    return tuple(
        float(max(point.cut, threshold)) if may else NEVER
        for threshold, may in zip(suggest, point.genres.tolist(), strict=True)
    )


def abstention_curve(
    truth: Labels, scores: npt.NDArray[np.floating], suggested: Bools
) -> list[dict[str, float | None]]:
    """Metrics of the suggestions above each of some scores: one row per cut, ready for JSON.

    truth, scores, suggested: (n, genres). Each row: `cut`; `coverage`, the share of posters with a
    suggestion; `precision` and `recall` over all pairs; `genres_a_poster`.
    """
    rows: list[dict[str, float | None]] = []
    for cut in ABSTENTION_CUTS:
        left = suggested & (scores > cut)
        genres_a_poster = float(left.sum() / len(truth))
        rows.append({"cut": cut, **decision_metrics(truth, left), "genres_a_poster": genres_a_poster})
    return rows


def sure_figures(truth: Labels, sure: Bools, *, resamples: int, seed: int) -> dict[str, Any]:
    """Precision, recall and coverage of the sure suggestions with 95% bootstrap intervals over posters.

    truth, sure: (n, genres). A figure is {"value", "low", "high"}, None where nothing is sure.
    """
    statistics = precision_recall_coverage(truth, sure)
    return {
        **bootstrap(statistics, len(truth), resamples=resamples, seed=seed),
        "pairs": int(sure.sum()),
    }
