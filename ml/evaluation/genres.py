"""Genre figures: what a genre model's scores and thresholds are worth on labels it did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation import weighing
from ml.evaluation.figures import Figure, figure, undefined
from ml.evaluation.weighing import Weighed
from ml.genres import metrics
from ml.genres.scorecard import scorecard
from ml.genres.thresholds import NEVER, decide

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]

FIGURES = (
    "macro_f1_suggest",
    "micro_f1_suggest",
    "samples_f1_suggest",
    "map",
    "ece",
    *weighing.FIGURES,
)
_SURE = ("sure_precision", "sure_recall", "sure_coverage")
_FROM_SCORECARD = {
    "macro_f1_suggest": "macro_f1",
    "micro_f1_suggest": "micro_f1",
    "samples_f1_suggest": "samples_f1",
    "map": "mean_average_precision",
    "ece": "expected_calibration_error",
    "predict_everything_macro_f1": "macro_f1_predict_everything",
    "macro_f1_gain": "macro_f1_gain",
}


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

    weighed = Weighed(truth, told.scores, told.suggest, told.sure)
    everybody = np.arange(len(truth))
    value = weighed.figures(everybody)
    low, high = metrics.bootstrap_interval(weighed.figures, everybody, n=resamples, seed=seed)
    names = weighing.FIGURES
    found |= {name: figure(value[i], low[i], high[i]) for i, name in enumerate(names)}
    if told.sure is None:
        found |= {name: undefined(told.sure_reason) for name in _SURE}
    elif not decide(told.scores, told.sure).any():
        found["sure_precision"] = undefined("No score is above its sure threshold, so nothing was predicted.")
    found["predict_everything_micro_f1"] = _everything_micro(truth, resamples, seed)
    auc = [
        figure(*row) for row in zip(value[len(names) :], low[len(names) :], high[len(names) :], strict=True)
    ]
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

    both = [(told, Weighed(truth, told.scores, told.suggest, told.sure)) for told in (one, other)]

    def apart(drawn: npt.NDArray[np.int64]) -> Floats:
        ours, theirs = (
            np.concatenate([_overall(truth[drawn], told, drawn), weighed.figures(drawn)])[: len(FIGURES)]
            for told, weighed in both
        )
        return ours - theirs

    everybody = np.arange(len(truth))
    value = apart(everybody)
    low, high = metrics.bootstrap_interval(apart, everybody, n=resamples, seed=seed)
    found = {name: figure(value[i], low[i], high[i]) for i, name in enumerate(FIGURES)}
    if one.sure is None or other.sure is None:
        reason = one.sure_reason if one.sure is None else other.sure_reason
        found |= {name: undefined(reason) for name in _SURE}
    return found


def micro_precision_recall(truth: Labels, chosen: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Precision and recall over all (poster, genre) decisions pooled; NaN where undefined."""
    hits = float((truth.astype(bool) & chosen).sum())
    made, wanted = float(chosen.sum()), float(truth.sum())
    return hits / made if made else float("nan"), hits / wanted if wanted else float("nan")


def _overall(truth: Labels, told: Telling, drawn: npt.NDArray[np.int64]) -> Floats:
    """The first five of FIGURES."""
    scores = told.scores[drawn]
    return np.array(
        [
            metrics.macro_f1(truth, scores, told.suggest),
            metrics.micro_f1(truth, scores, told.suggest),
            metrics.samples_f1(truth, scores, told.suggest),
            metrics.mean_average_precision(truth, scores),
            metrics.expected_calibration_error(truth, scores),
        ]
    )


def _everything_micro(truth: Labels, resamples: int, seed: int) -> Figure:
    def micro(labels: Labels) -> float:
        return metrics.micro_f1(labels, np.ones(labels.shape))

    low, high = metrics.bootstrap_interval(micro, truth, n=min(resamples, 200), seed=seed)
    return figure(micro(truth), low, high)


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
