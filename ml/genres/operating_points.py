"""Where a calibrated score becomes a suggestion, and where it is sure: thresholds from out-of-fold scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.thresholds import NEVER
from ml.genres.weighted_metrics import precision_recall_coverage
from ml.stats import bootstrap

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]

# A precision read off fewer (poster, genre) pairs than this is luck.
LEAST_SURE_PAIRS = 30
# A genre that was right less often than this above the sure cut has not shown that it can be.
LEAST_SURE_HITS = 5
ABSTENTION_CUTS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def suggest_thresholds(truth: Labels, scores: npt.NDArray[np.floating], shrinkage: float) -> Floats:
    """Half the optimal F1 of each genre, shrunk towards what all genres have in common; (genres,) float64.

    truth, scores: (n, genres), scores calibrated and out of fold. Lipton, Elkan & Naryanaswamy, "Optimal
    thresholding of classifiers to maximize F1 measure", 2014: of calibrated scores, those above half the best
    F1 attainable are the ones to take. The best F1 seen is a maximum over noise where positives are few, so a
    genre of n positives keeps its own value with weight n / (n + shrinkage). What genres have in common is
    not the threshold, which follows frequency, but how far the best F1 rises from that of predicting always
    towards 1: the part of that way (in logarithms) is what is pooled, weighted by positives.
    """
    best = best_f1(truth, scores)
    positives = truth.sum(axis=0).astype(np.float64)
    share = (positives / len(truth)).clip(1e-9, 1)
    always = 2 * share / (1 + share)
    room = np.log(1 / always)
    gain = np.log(np.maximum(best, always) / always)
    weight = positives / (positives + shrinkage)
    # as a part of the way from predicting always to perfection, so that no threshold passes one half
    part = np.divide(gain, room, out=np.zeros_like(gain), where=room > 0)
    counted = np.where(room > 0, positives, 0.0)
    pooled = (counted * part).sum() / max(counted.sum(), 1.0)
    shrunk = weight * part + (1 - weight) * pooled
    return np.asarray(np.exp(np.log(always) + shrunk * room) / 2, dtype=np.float64)


def best_f1(truth: Labels, scores: npt.NDArray[np.floating]) -> Floats:
    """The best F1 that any threshold gives each genre, (genres,) float64; 0 without a positive."""
    result = np.zeros(truth.shape[1])
    for genre in range(truth.shape[1]):
        order = np.argsort(-scores[:, genre], kind="stable")
        falling = scores[order, genre]
        hits = np.cumsum(truth[order, genre], dtype=np.float64)
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + max(hits[-1], 1.0))
        # between equal scores there is no place for a threshold
        possible = np.append(falling[1:] < falling[:-1], True)
        result[genre] = f1[possible].max()
    return result


@dataclass(frozen=True)
class Aim:
    """What *sure* shall be: right with `precision`, which is given up, down to `least`, until `recall` of the
    true (poster, genre) pairs are found."""

    precision: float
    least: float
    recall: float


@dataclass(frozen=True)
class SurePoint:
    """The common cut above which a suggestion is sure, the precision aimed at there, and which genres
    (genres,) may be sure at all."""

    cut: float
    target: float
    genres: Bools


def sure_point(truth: Labels, scores: npt.NDArray[np.floating], allowed: Bools, aim: Aim) -> SurePoint:
    """Choose the highest precision between aim.least and aim.precision that leaves aim.recall.

    truth, scores, allowed: (n, genres), scores calibrated and out of fold; allowed says which pairs are
    suggested at all. Where not even aim.least leaves that recall, aim.least stands: a *sure* that is wrong
    more often is not worth its name, and little of it is better than none.

    One cut for all genres, not one a genre: of calibrated scores, each added pair is right with the
    probability it says, so the pairs of a given number that hold the most right ones are those that score
    highest, whatever their genre (Neyman & Pearson's lemma). Precision and recall are read off all pairs at
    once, thousands of them, and no genre's few posters choose a cut. What pooling cannot see is a genre whose
    scores mislead just up there: a genre with fewer than LEAST_SURE_HITS right pairs above the cut is never
    sure.
    """
    best = _precision_at(truth, scores, allowed, aim.recall)
    target = min(max(best, min(aim.least, aim.precision)), aim.precision)
    cut = sure_cut(truth, scores, allowed, target)
    hits = (allowed & (scores > cut) & (truth == 1)).sum(axis=0)
    return SurePoint(cut, target, np.asarray(hits >= LEAST_SURE_HITS))


def sure_cut(truth: Labels, scores: npt.NDArray[np.floating], allowed: Bools, target: float) -> float:
    """The lowest score above which the allowed (poster, genre) pairs are right with precision `target`.

    truth, scores, allowed: (n, genres); allowed says which pairs are suggested at all. Lowest, so that as
    many as possible are sure. NEVER if no cut with enough pairs above it is that precise.
    """
    curve = _falling(truth, scores, allowed)
    enough = curve.possible & (curve.precision >= target)
    if not enough.any():
        return NEVER
    last, falling = int(np.flatnonzero(enough)[-1]), curve.scores
    # the middle of the gap to the next score, so that rounding to float32 moves nobody over it
    return float((falling[last] + (falling[last + 1] if last + 1 < len(falling) else 0.0)) / 2)


def _precision_at(truth: Labels, scores: npt.NDArray[np.floating], allowed: Bools, recall: float) -> float:
    """The best precision of a cut that leaves at least `recall` of all true pairs; 0 if none does."""
    curve = _falling(truth, scores, allowed)
    found = curve.precision[curve.possible & (curve.hits >= recall * truth.sum())]
    return float(found.max()) if found.size else 0.0


@dataclass(frozen=True)
class _Falling:
    """The allowed pairs from the highest score down: hits and precision (pairs,) down to each of them, and
    whether a cut is possible below it, between different scores and with enough pairs above."""

    scores: npt.NDArray[np.floating]
    hits: Floats
    precision: Floats
    possible: Bools


def _falling(truth: Labels, scores: npt.NDArray[np.floating], allowed: Bools) -> _Falling:
    found, right = scores[allowed], truth[allowed]
    order = np.argsort(-found, kind="stable")
    falling, count = found[order], np.arange(1, len(order) + 1)
    hits = np.cumsum(right[order], dtype=np.float64)
    apart = np.append(falling[1:] < falling[:-1], True) if len(order) else np.zeros(0, dtype=bool)
    return _Falling(falling, hits, hits / count, apart & (count >= LEAST_SURE_PAIRS))


def sure_thresholds(suggest: Sequence[float] | Floats, point: SurePoint) -> tuple[float, ...]:
    """The sure threshold of each genre: the common cut, never below its own suggest threshold; NEVER for a
    genre that may not be sure."""
    return tuple(
        float(max(point.cut, threshold)) if may else NEVER
        for threshold, may in zip(suggest, point.genres.tolist(), strict=True)
    )


def abstention_curve(
    truth: Labels, scores: npt.NDArray[np.floating], suggested: Bools
) -> list[dict[str, float | None]]:
    """What is left when suggestions below a score are withheld: a row a cut, ready for JSON.

    truth, scores, suggested: (n, genres). Each row: `cut`; `coverage`, the share of posters with a suggestion
    left; `precision` and `recall` of what is left, over all pairs; `genres_a_poster`.
    """
    wanted = max(int(truth.sum()), 1)
    rows: list[dict[str, float | None]] = []
    for cut in ABSTENTION_CUTS:
        left = suggested & (scores > cut)
        made, hits = int(left.sum()), int((left & (truth == 1)).sum())
        rows.append(
            {
                "cut": cut,
                "coverage": float(left.any(axis=1).mean()),
                "precision": hits / made if made else None,
                "recall": hits / wanted,
                "genres_a_poster": made / len(truth),
            }
        )
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
