"""How good a head is on posters it did not learn from, beside the level of guessing every genre."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres import metrics
from ml.genres.thresholds import decide
from ml.genres.weighted_metrics import WeightedMetrics
from ml.stats import Figure, Floats, bootstrap, finite

FIGURES = (
    "macro_f1",
    "macro_f1_predict_everything",
    "macro_f1_gain",
    "micro_f1",
    "samples_f1",
    "mean_average_precision",
    "expected_calibration_error",
)

# A head that gives a genre to nearly every poster beats giving it to all by a hair, reliably and uselessly.
WORTHWHILE = 0.1


def scorecard(
    y_true: npt.NDArray[np.uint8],
    y_score: npt.NDArray[np.float32],
    genres: Sequence[str],
    thresholds: npt.ArrayLike,
    *,
    resamples: int = 1000,
    seed: int = 0,
    chosen: npt.NDArray[np.bool_] | None = None,
    worthwhile: float = WORTHWHILE,
    withheld: Sequence[str] = (),
) -> dict[str, Any]:
    """Measure scores (n, genres) against labels (n, genres); ready for JSON (undefined figures are None).

    Each figure is {"value", "low", "high"} with a 95% bootstrap interval over posters, all from one set of
    resamples: `macro_f1_gain` is the paired difference to predict-everything. `per_genre` has the frequency,
    F1 with interval, F1 of predicting always, precision, recall and average precision, and `evidence`:
    whether the interval of the paired difference lies above `worthwhile` times what predicting always scores.
    A genre without evidence is better not shown than guessed.

    chosen: (n, genres), the decisions to measure where they were not taken by `thresholds` (out of fold, each
    part by thresholds of its own); `thresholds` are then only reported. withheld: genres that are never
    suggested; the overall figures count them so, and their rows say what suggesting them would have given.
    """
    cuts = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), (len(genres),))
    taken = decide(y_score, cuts) if chosen is None else chosen
    shown = np.array([genre not in withheld for genre in genres])
    measured = WeightedMetrics(y_true, y_score, taken, shown)
    figures = bootstrap(measured, len(y_true), resamples=resamples, seed=seed)
    card: dict[str, Any] = {name: figures[name] for name in FIGURES}
    card["posters"] = len(y_true)
    card["genres_a_poster"] = float(taken[:, shown].sum(axis=1).mean())
    card["true_genres_a_poster"] = float(y_true.sum(axis=1).mean())
    card["per_genre"] = _per_genre(
        y_true, y_score, taken, genres, cuts, figures["f1"], figures["f1_gain"], worthwhile
    )
    return card


def _per_genre(
    y_true: npt.NDArray[np.uint8],
    y_score: npt.NDArray[np.float32],
    taken: npt.NDArray[np.bool_],
    genres: Sequence[str],
    cuts: Floats,
    f1: Sequence[Figure],
    gain: Sequence[Figure],
    worthwhile: float,
) -> list[dict[str, Any]]:
    precision, recall = metrics.precision_recall(y_true, taken.astype(np.float32), 0.5)
    average_precision = metrics.per_genre_average_precision(y_true, y_score)
    always = metrics.predict_everything_f1(y_true)
    return [
        {
            "genre": genre,
            "threshold": float(cuts[i]),
            "positives": int(y_true[:, i].sum()),
            "prevalence": float(y_true[:, i].mean()),
            "f1": f1[i],
            "f1_predict_everything": float(always[i]),
            "precision": finite(precision[i]),
            "recall": finite(recall[i]),
            "average_precision": finite(average_precision[i]),
            "evidence": (gain[i]["low"] or 0.0) > worthwhile * float(always[i]),
        }
        for i, genre in enumerate(genres)
    ]
