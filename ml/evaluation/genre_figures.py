"""Genre metrics and curves of a model's scores and thresholds, on labels it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.evidence.model import DEFAULT_TICK
from ml.genres.metrics import GenreMetrics, decision_metrics, precision_recall_coverage
from ml.genres.scorecard import scorecard
from ml.genres.thresholds import NEVER, decide
from ml.stats import Figure, Floats, Statistics, bootstrap, mean_of_defined, threshold_steps

Labels = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_FROM_SCORECARD = {
    "macro_f1_suggest": "macro_f1",
    "micro_f1_suggest": "micro_f1",
    "samples_f1_suggest": "samples_f1",
    "map": "mean_average_precision",
    "ece": "expected_calibration_error",
    "predict_everything_macro_f1": "macro_f1_predict_everything",
    "macro_f1_gain": "macro_f1_gain",
}
_SURE = ("sure_precision", "sure_recall", "sure_coverage")
_OWN = ("macro_auc", "coverage_suggest", *_SURE)
COMPARED = (*list(_FROM_SCORECARD)[:5], *_OWN)
"""Metrics whose differences between two models are reported."""

POINTS = 150
POINTS_PER_GENRE = 60
BINS = 15
LOWEST_RECALL = 0.25
NOTHING_SURE = "No score is above its sure threshold, so nothing was predicted."


@dataclass(frozen=True)
class Predictions:
    """The scores and decisions of one model for n posters, in the columns of the set's g genres.

    Args:
        scores: (n, g).
        suggested, sure, ticked: (n, g) bool, which scores are above the thresholds of the poster. `sure` is
            None for a model without that operating point, and `sure_reason` says why.
        suggest_cuts, sure_cuts: (g,), the thresholds to report.
        unknown: genres that the model does not know; their score is 0.
        absent: genres that the model knows and the set does not have; they are left out.
    """

    scores: Scores
    suggested: Bools
    sure: Bools | None
    ticked: Bools
    suggest_cuts: Floats
    sure_cuts: Floats | None
    sure_reason: str
    unknown: tuple[str, ...]
    absent: tuple[str, ...]

    def subset(self, rows: npt.NDArray[Any], columns: npt.NDArray[Any]) -> Predictions:
        """The predictions for some of the posters and genres."""
        return replace(
            self,
            scores=self.scores[rows][:, columns],
            suggested=self.suggested[rows][:, columns],
            sure=None if self.sure is None else self.sure[rows][:, columns],
            ticked=self.ticked[rows][:, columns],
            suggest_cuts=self.suggest_cuts[columns],
            sure_cuts=None if self.sure_cuts is None else self.sure_cuts[columns],
        )


def align_predictions(
    scores: Scores,
    model_genres: Sequence[str],
    suggest: npt.ArrayLike,
    sure: npt.ArrayLike | None,
    genres: Sequence[str],
    sure_reason: str = "",
    *,
    tick: npt.ArrayLike = DEFAULT_TICK,
    cuts: tuple[Sequence[float], Sequence[float] | None] | None = None,
) -> Predictions:
    """Put a model's scores (n, its genres) into the columns of the set's genres; case does not matter.

    suggest, sure, tick: thresholds, (its genres,) or for each poster (n, its genres). cuts: the *suggest* and
    *sure* thresholds to report, where they differ among posters.
    """
    place = {name.casefold(): column for column, name in enumerate(model_genres)}
    known = [
        (column, place[name.casefold()]) for column, name in enumerate(genres) if name.casefold() in place
    ]
    ours, theirs = [pair[0] for pair in known], [pair[1] for pair in known]
    wanted = {name.casefold() for name in genres}

    def aligned(values: Any, missing: float) -> npt.NDArray[Any]:
        given = np.asarray(values)
        table = np.full((*given.shape[:-1], len(genres)), missing, dtype=given.dtype)
        table[..., ours] = given[..., theirs]
        return table

    def above(thresholds: npt.ArrayLike) -> Bools:
        return aligned(scores > np.asarray(thresholds, dtype=scores.dtype), False)

    suggest_cuts, sure_cuts = (suggest, sure) if cuts is None else cuts
    return Predictions(
        scores=aligned(scores, 0.0),
        suggested=above(suggest),
        sure=None if sure is None else above(sure),
        ticked=above(tick),
        suggest_cuts=aligned(np.asarray(suggest_cuts, np.float64), NEVER),
        sure_cuts=None if sure_cuts is None else aligned(np.asarray(sure_cuts, np.float64), NEVER),
        sure_reason=sure_reason,
        unknown=tuple(name for name in genres if name.casefold() not in place),
        absent=tuple(name for name in model_genres if name.casefold() not in wanted),
    )


def genre_figures(
    truth: Labels, predictions: Predictions, genres: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Every genre metric with its 95% interval over posters, by name, and `per_genre`.

    truth: (n, genres) of 0 and 1, a positive in each column. Undefined metrics have the value None; those of
    *sure* also a reason.
    """
    sure = predictions.sure
    card = scorecard(
        truth, predictions.scores, genres, predictions.suggest_cuts, resamples=resamples, seed=seed,
        chosen=predictions.suggested,
    )  # fmt: skip
    own = bootstrap(_statistics(truth, predictions), len(truth), resamples=resamples, seed=seed)
    found: dict[str, Any] = {name: card[theirs] for name, theirs in _FROM_SCORECARD.items()}
    found |= {name: own[name] for name in (*_OWN, "predict_everything_micro_f1")}
    if sure is None:
        found |= {name: undefined(predictions.sure_reason) for name in _SURE}
    elif not sure.any():
        found["sure_precision"] = undefined(NOTHING_SURE)
    found["per_genre"] = [
        {
            **row,
            "auc": own["auc"][column],
            "known": row["genre"] not in predictions.unknown,
            "sure_threshold": _threshold(predictions.sure_cuts, column),
        }
        for column, row in enumerate(card["per_genre"])
    ]
    found |= {name: card[name] for name in ("genres_a_poster", "true_genres_a_poster")}
    found["unknown_to_the_model"] = list(predictions.unknown)
    found["absent_from_the_set"] = list(predictions.absent)
    return found


def genre_differences(
    truth: Labels, one: Predictions, other: Predictions, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Figure]:
    """Paired differences (`one` minus `other`, on the same posters) of COMPARED, with 95% intervals."""
    ours, theirs = (_statistics(truth, each, with_scorecard=True) for each in (one, other))

    def differences(weights: Floats) -> dict[str, Floats]:
        first, second = ours(weights), theirs(weights)
        return {name: first[name] - second[name] for name in COMPARED}

    found = bootstrap(differences, len(truth), resamples=resamples, seed=seed)
    if one.sure is None or other.sure is None:
        reason = one.sure_reason if one.sure is None else other.sure_reason
        found |= {name: undefined(reason) for name in _SURE}
    return found


def undefined(reason: str) -> Figure:
    """An undefined figure, with the reason."""
    return {"value": None, "low": None, "high": None, "reason": reason}


def threshold_facts(
    genres: Sequence[str], suggest: Sequence[float], sure: Sequence[float] | None
) -> dict[str, Any]:
    """A model's genres with their thresholds, ready for JSON; None where a genre is never predicted."""
    return {
        name: {"suggest": _threshold(suggest, column), "sure": _threshold(sure, column)}
        for column, name in enumerate(genres)
    }


def genre_curves(truth: Labels, predictions: Predictions, genres: Sequence[str]) -> dict[str, Any]:
    """All curves of one model, ready for JSON; see the functions below."""
    scores = predictions.scores
    decisions = {"suggest": predictions.suggested, "sure": predictions.sure}
    points = {name: decision_metrics(truth, made) for name, made in decisions.items() if made is not None}
    return {
        "precision_recall": precision_recall_curve(truth.ravel(), scores.ravel(), POINTS),
        "precision_recall_per_genre": {
            name: precision_recall_curve(truth[:, column], scores[:, column], POINTS_PER_GENRE)
            for column, name in enumerate(genres)
        },
        "operating_points": {
            name: {"precision": point["precision"], "recall": point["recall"]}
            for name, point in points.items()
        },
        "reliability": reliability(truth, scores),
        "abstention": abstention_curve(truth, scores),
        "best_precision_at_recall": {"recall": LOWEST_RECALL, **_best_precision(truth, scores)},
    }


def precision_recall_curve(truth: npt.NDArray[Any], scores: npt.NDArray[Any], points: int) -> dict[str, Any]:
    """Precision and recall as the threshold falls, thinned to about `points` points.

    truth, scores: (m,). Returns lists `recall` (rising, from the first hit on), `precision` and `cut`; empty
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
    score, frequency = np.bincount(which, flat, BINS), np.bincount(which, right, BINS)
    return [
        {
            "from": number / BINS,
            "score": float(score[number] / count[number]),
            "frequency": float(frequency[number] / count[number]),
            "pairs": int(count[number]),
        }
        for number in np.flatnonzero(count).tolist()
    ]


def abstention_curve(truth: Labels, scores: Scores, points: int = 60) -> dict[str, list[float | None]]:
    """Precision as fewer genres are predicted.

    As one threshold for all genres rises (`cut`), `coverage` (the share of posters that still get a genre)
    falls and `precision` (of all predicted genres) should rise; `recall` beside them.
    """
    best = scores.max(axis=1)
    cuts = np.unique(np.concatenate([[0.0], np.quantile(best, np.linspace(0, 1, points))]).astype(np.float32))
    rows = [{"cut": float(cut), **_point(truth, scores, float(cut))} for cut in cuts]
    return {
        name: [row[name] for row in rows if row["coverage"]]
        for name in ("cut", "coverage", "precision", "recall")
    }


def _statistics(truth: Labels, predictions: Predictions, with_scorecard: bool = False) -> Statistics:
    """The metrics by name, for weights of the posters; those of the scorecard on demand."""
    suggested = predictions.suggested
    nothing, everything = np.zeros_like(suggested), np.ones_like(suggested)
    sure = nothing if predictions.sure is None else predictions.sure
    measured = GenreMetrics(truth, predictions.scores, suggested)
    of_suggested, of_sure, of_everything = (
        precision_recall_coverage(truth, chosen) for chosen in (suggested, sure, everything)
    )

    def statistics(weights: Floats) -> dict[str, Floats]:
        card = measured(weights) if with_scorecard else {}
        auc = measured.auc(weights)
        prevalence = of_everything(weights)["precision"]
        return {
            **{name: card[theirs] for name, theirs in _FROM_SCORECARD.items() if theirs in card},
            "macro_auc": mean_of_defined(auc),
            "coverage_suggest": of_suggested(weights)["coverage"],
            **{f"sure_{name}": values for name, values in of_sure(weights).items()},
            "predict_everything_micro_f1": 2 * prevalence / (1 + prevalence),
            "auc": auc,
        }

    return statistics


def _best_precision(truth: Labels, scores: Scores) -> dict[str, float | None]:
    """The best micro precision of one threshold for all genres at that recall.

    The threshold is chosen on these very posters: it shows what the scores allow, and is no operating point.
    """
    recall, precision, cut = _curve(truth.ravel(), scores.ravel())
    best = int(np.argmax(np.where(recall >= LOWEST_RECALL, precision, -1)))
    return {"precision": float(precision[best]), "cut": float(cut[best])}


def _curve(truth: npt.NDArray[Any], scores: npt.NDArray[Any]) -> tuple[Floats, Floats, npt.NDArray[Any]]:
    """Recall, precision and threshold at each distinct score from the highest down, from the first hit on."""
    hits, count, cut = threshold_steps(truth, scores)
    found = hits > 0
    return hits[found] / max(hits[-1], 1), (hits / count)[found], cut[found]


def _point(truth: Labels, scores: Scores, cut: float) -> dict[str, float | None]:
    return decision_metrics(truth, decide(scores, cut))


def _threshold(thresholds: Sequence[float] | Floats | None, column: int) -> float | None:
    return None if thresholds is None or thresholds[column] >= NEVER else float(thresholds[column])
