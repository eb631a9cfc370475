"""The curves behind the genre figures, as numbers: precision and recall, reliability, abstention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.genre_figures import Labels, Scores, Telling
from ml.genres.thresholds import decide
from ml.genres.weighted_metrics import precision_recall_coverage
from ml.stats import Floats, finite

POINTS = 150
POINTS_A_GENRE = 60
BINS = 15
LOWEST_RECALL = 0.25


def genre_curves(truth: Labels, told: Telling, genres: Sequence[str]) -> dict[str, Any]:
    """All curves of one model, ready for JSON; see the functions below."""
    cuts = {"suggest": told.suggest, "sure": told.sure}
    points = {
        name: {key: value for key, value in _point(truth, told.scores, cut).items() if key != "coverage"}
        for name, cut in cuts.items()
        if cut is not None
    }
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
    recall, precision, cut = _curve(truth, scores)
    if not len(cut):
        return {"recall": [], "precision": [], "cut": []}
    # Even steps of recall, always with both ends.
    kept = np.unique(np.searchsorted(recall, np.linspace(recall[0], 1, points)))
    kept = np.unique(np.concatenate([[0], kept[kept < len(cut)]]))
    return {
        "recall": recall[kept].tolist(),
        "precision": precision[kept].tolist(),
        "cut": cut[kept].astype(float).tolist(),
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


def abstention_curve(truth: Labels, scores: Scores, points: int = 60) -> dict[str, list[float | None]]:
    """What is gained by saying less: as one cut for all genres rises, `coverage` (the share of posters that
    still get a genre) falls and `precision` (of all genres given) should rise; `recall` beside them.
    """
    best = scores.max(axis=1)
    cuts = np.unique(np.concatenate([[0.0], np.quantile(best, np.linspace(0, 1, points))]).astype(np.float32))
    found: dict[str, list[float | None]] = {"cut": [], "coverage": [], "precision": [], "recall": []}
    for cut in cuts:
        point = _point(truth, scores, float(cut))
        if point["coverage"]:
            for name, values in found.items():
                values.append(float(cut) if name == "cut" else point[name])
    return found


def _best_precision(truth: Labels, scores: Scores) -> dict[str, float | None]:
    """The best micro precision that one cut for all genres could have had here at that recall. The cut is
    chosen on these very posters: it shows what the scores allow, and is no operating point."""
    recall, precision, cut = _curve(truth.ravel(), scores.ravel())
    enough = recall >= LOWEST_RECALL
    best = int(np.argmax(np.where(enough, precision, -1)))
    return {"precision": float(precision[best]), "cut": float(cut[best])}


def _curve(truth: npt.NDArray[Any], scores: npt.NDArray[Any]) -> tuple[Floats, Floats, npt.NDArray[Any]]:
    """Recall, precision and cut at each distinct score from the highest down, from the first hit on."""
    order = np.argsort(-scores, kind="stable")
    falling, hits = scores[order], np.cumsum(truth[order], dtype=np.float64)
    found = np.append(falling[1:] != falling[:-1], True)[: len(falling)] & (hits > 0)
    last = np.flatnonzero(found)
    return hits[last] / max(hits[-1:].sum(), 1), hits[last] / (last + 1), falling[last]


def _point(truth: Labels, scores: Scores, cuts: Floats | float) -> dict[str, float | None]:
    """Micro precision, recall and coverage of the decisions at these cuts."""
    figures = precision_recall_coverage(truth, decide(scores, cuts))(np.ones((1, len(truth))))
    return {name: finite(value[0]) for name, value in figures.items()}
