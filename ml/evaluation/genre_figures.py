"""Genre figures: what a genre model's scores and thresholds are worth on labels it did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.scorecard import scorecard
from ml.genres.thresholds import NEVER, decide
from ml.genres.weighted_metrics import WeightedMetrics, precision_recall_coverage
from ml.stats import Figure, Floats, Statistics, bootstrap, mean_of_defined

Labels = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]

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
FIGURES = (*list(_FROM_SCORECARD)[:5], "macro_auc", "coverage_suggest", *_SURE)
"""Figures of which differences between two models are reported."""


@dataclass(frozen=True)
class Telling:
    """What one model tells about n posters, in the columns of the set's g genres.

    scores (n, g) float32; suggest and sure (g,) float64, the scores above which a genre is suggested, or
    sure; sure is None for a model without that operating point, and `sure_reason` says why. `unknown` names
    genres the model does not know (never predicted: score 0), `absent` genres it knows and the set does not
    have (left out).
    """

    scores: Scores
    suggest: Floats
    sure: Floats | None
    sure_reason: str
    unknown: tuple[str, ...]
    absent: tuple[str, ...]

    def rows(self, chosen: npt.NDArray[Any], columns: npt.NDArray[Any]) -> Telling:
        """The same for some of the posters and genres."""
        return Telling(
            self.scores[chosen][:, columns],
            self.suggest[columns],
            None if self.sure is None else self.sure[columns],
            self.sure_reason,
            self.unknown,
            self.absent,
        )


def telling(
    scores: Scores,
    model_genres: Sequence[str],
    suggest: Sequence[float],
    sure: Sequence[float] | None,
    genres: Sequence[str],
    sure_reason: str = "",
) -> Telling:
    """Put a model's scores (n, its genres) into the columns of the set's genres; case does not matter."""
    place = {name.casefold(): column for column, name in enumerate(model_genres)}
    known = [
        (column, place[name.casefold()]) for column, name in enumerate(genres) if name.casefold() in place
    ]
    ours, theirs = [pair[0] for pair in known], [pair[1] for pair in known]
    table = np.zeros((len(scores), len(genres)), dtype=np.float32)
    table[:, ours] = scores[:, theirs]
    wanted = {name.casefold() for name in genres}
    return Telling(
        scores=table,
        suggest=_spread(suggest, ours, theirs, len(genres)),
        sure=None if sure is None else _spread(sure, ours, theirs, len(genres)),
        sure_reason=sure_reason,
        unknown=tuple(name for name in genres if name.casefold() not in place),
        absent=tuple(name for name in model_genres if name.casefold() not in wanted),
    )


def genre_figures(
    truth: Labels, told: Telling, genres: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Every genre figure with its 95% interval over posters, by name, and `per_genre`.

    truth: (n, genres) of 0 and 1, a positive in each column. Undefined figures have the value None; those of
    *sure* also a reason.
    """
    card = scorecard(truth, told.scores, genres, told.suggest, resamples=resamples, seed=seed)
    found: dict[str, Any] = {ours: card[theirs] for ours, theirs in _FROM_SCORECARD.items()}

    own = bootstrap(_statistics(truth, told), len(truth), resamples=resamples, seed=seed)
    auc = own.pop("auc")
    found |= {name: own[name] for name in (*FIGURES[5:], "predict_everything_micro_f1")}
    if told.sure is None:
        found |= {name: undefined(told.sure_reason) for name in _SURE}
    elif not decide(told.scores, told.sure).any():
        found["sure_precision"] = undefined("No score is above its sure threshold, so nothing was predicted.")
    found["per_genre"] = [
        row
        | {
            "auc": auc[column],
            "known": row["genre"] not in told.unknown,
            "sure_threshold": _cut(told.sure, column),
        }
        for column, row in enumerate(card["per_genre"])
    ]
    found["genres_a_poster"] = card["genres_a_poster"]
    found["true_genres_a_poster"] = card["true_genres_a_poster"]
    found["unknown_to_the_model"] = list(told.unknown)
    found["absent_from_the_set"] = list(told.absent)
    return found


def genre_differences(
    truth: Labels, one: Telling, other: Telling, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Figure]:
    """Paired differences (`one` minus `other`, on the same posters) of every figure, with 95% intervals."""
    ours, theirs = (_statistics(truth, told, with_scorecard=True) for told in (one, other))

    def differences(weights: Floats) -> dict[str, Floats]:
        first, second = ours(weights), theirs(weights)
        return {name: first[name] - second[name] for name in FIGURES}

    found = bootstrap(differences, len(truth), resamples=resamples, seed=seed)
    if one.sure is None or other.sure is None:
        reason = one.sure_reason if one.sure is None else other.sure_reason
        found |= {name: undefined(reason) for name in _SURE}
    return found


def undefined(reason: str) -> Figure:
    """A figure that cannot be given, with the reason."""
    return {"value": None, "low": None, "high": None, "reason": reason}


def _statistics(truth: Labels, told: Telling, with_scorecard: bool = False) -> Statistics:
    """The figures by name, for weights of the posters; those of the scorecard only if wanted."""
    suggested = decide(told.scores, told.suggest)
    measured = WeightedMetrics(truth, told.scores, suggested)
    coverage = precision_recall_coverage(truth, suggested)
    everything = precision_recall_coverage(truth, np.ones_like(suggested))
    nothing = np.zeros_like(suggested)
    sure = precision_recall_coverage(truth, nothing if told.sure is None else decide(told.scores, told.sure))

    def statistics(weights: Floats) -> dict[str, Floats]:
        card = measured(weights) if with_scorecard else {}
        auc = measured.auc(weights)
        prevalence = everything(weights)["precision"]
        return {
            **{ours: card[theirs] for ours, theirs in _FROM_SCORECARD.items() if theirs in card},
            "macro_auc": mean_of_defined(auc),
            "coverage_suggest": coverage(weights)["coverage"],
            **{f"sure_{name}": values for name, values in sure(weights).items()},
            "predict_everything_micro_f1": 2 * prevalence / (1 + prevalence),
            "auc": auc,
        }

    return statistics


def _spread(cuts: Sequence[float], ours: Sequence[int], theirs: Sequence[int], genres: int) -> Floats:
    spread = np.full(genres, NEVER)
    spread[list(ours)] = np.asarray(cuts, dtype=np.float64)[list(theirs)]
    return spread


def _cut(cuts: Sequence[float] | Floats | None, column: int) -> float | None:
    return None if cuts is None or cuts[column] >= NEVER else float(cuts[column])


def model_facts(
    genres: Sequence[str], suggest: Sequence[float], sure: Sequence[float] | None
) -> Mapping[str, Any]:
    """A model's genres with their thresholds, ready for JSON; None where a genre never passes."""
    return {name: {"suggest": _cut(suggest, i), "sure": _cut(sure, i)} for i, name in enumerate(genres)}
