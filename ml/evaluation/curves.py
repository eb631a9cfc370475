"""The curves behind the genre figures, as numbers: precision and recall, reliability, abstention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.genres import Labels, Scores, Telling, micro_precision_recall
from ml.genres.thresholds import decide

POINTS = 150
POINTS_A_GENRE = 60
BINS = 15
LOWEST_RECALL = 0.25

Floats = npt.NDArray[np.float64]


def genre_curves(truth: Labels, told: Telling, genres: Sequence[str]) -> dict[str, Any]:
    """All curves of one model, ready for JSON; see the functions below."""
    points = {"suggest": _point(truth, told.scores, told.suggest)}
    if told.sure is not None:
        points["sure"] = _point(truth, told.scores, told.sure)
    return {
        "precision_recall": precision_recall_curve(truth.ravel(), told.scores.ravel(), POINTS),
        "precision_recall_per_genre": {
            name: precision_recall_curve(truth[:, column], told.scores[:, column], POINTS_A_GENRE)
            for column, name in enumerate(genres)
        },
        "operating_points": points,
        "reliability": reliability(truth, told.scores),
        "abstention": abstention_curve(truth, told.scores),
        "best_precision_at_recall": {"recall": LOWEST_RECALL, **_best_precision(truth, told.scores)},
    }


def precision_recall_curve(truth: npt.NDArray[Any], scores: npt.NDArray[Any], points: int) -> dict[str, Any]:
    """Precision and recall as the cut falls, one point a distinct score, thinned to `points` points.

    truth, scores: (m,). Gives lists `recall` (rising, from the first hit on), `precision` and `cut`; empty
    without a positive.
    """
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.flatnonzero(np.append(np.diff(falling) != 0, True)) if len(falling) else np.array([], int)
    hits = np.cumsum(truth[order].astype(bool))[last].astype(np.float64)
    if not len(last) or not hits[-1]:
        return {"recall": [], "precision": [], "cut": []}
    last, hits = last[hits > 0], hits[hits > 0]
    recall, precision = hits / hits[-1], hits / (last + 1)
    # Even steps of recall, always with both ends.
    kept = np.unique(np.searchsorted(recall, np.linspace(recall[0], 1, points)))
    kept = np.unique(np.concatenate([[0], kept[kept < len(last)]]))
    return {
        "recall": recall[kept].tolist(),
        "precision": precision[kept].tolist(),
        "cut": falling[last][kept].astype(float).tolist(),
    }


def reliability(truth: Labels, scores: Scores) -> list[dict[str, Any]]:
    """For each of 15 equal bins of score: the mean score, how often it was right, and how many pairs."""
    flat, right = scores.ravel().astype(np.float64), truth.ravel().astype(np.float64)
    which = np.minimum((flat * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(which, minlength=BINS)
    claimed, found = np.bincount(which, flat, BINS), np.bincount(which, right, BINS)
    return [
        {
            "from": bin_ / BINS,
            "score": float(claimed[bin_] / count[bin_]),
            "frequency": float(found[bin_] / count[bin_]),
            "pairs": int(count[bin_]),
        }
        for bin_ in range(BINS)
        if count[bin_]
    ]


def abstention_curve(truth: Labels, scores: Scores, points: int = 60) -> dict[str, list[float]]:
    """What is gained by saying less: as one cut for all genres rises, `coverage` (the share of posters that
    still get a genre) falls and `precision` (of all genres given) should rise; `recall` beside them.
    """
    best = scores.max(axis=1)
    cuts = np.unique(np.concatenate([[0.0], np.quantile(best, np.linspace(0, 1, points))]).astype(np.float32))
    found: dict[str, list[float]] = {"cut": [], "coverage": [], "precision": [], "recall": []}
    for cut in cuts:
        chosen = decide(scores, float(cut))
        if not chosen.any():
            continue
        precision, recall = micro_precision_recall(truth, chosen)
        row = (float(cut), float(chosen.any(axis=1).mean()), precision, recall)
        for values, value in zip(found.values(), row, strict=True):
            values.append(value)
    return found


def _best_precision(truth: Labels, scores: Scores) -> dict[str, float | None]:
    """The best micro precision that one cut for all genres could have had here at that recall. The cut is
    chosen on these very posters: it shows what the scores allow, and is no operating point."""
    order = np.argsort(-scores.ravel(), kind="stable")
    falling = scores.ravel()[order]
    last = np.flatnonzero(np.append(np.diff(falling) != 0, True))
    hits = np.cumsum(truth.ravel()[order].astype(bool))[last]
    enough = np.flatnonzero(hits >= LOWEST_RECALL * hits[-1])
    precision = hits[enough] / (last[enough] + 1)
    best = int(np.argmax(precision))
    return {"precision": float(precision[best]), "cut": float(falling[last][enough][best])}


def _point(truth: Labels, scores: Scores, cuts: Floats) -> dict[str, float | None]:
    precision, recall = micro_precision_recall(truth, decide(scores, cuts))
    known = [None if np.isnan(value) else value for value in (precision, recall)]
    return {"precision": known[0], "recall": known[1]}
