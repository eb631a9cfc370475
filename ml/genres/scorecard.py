"""How good a head is on posters it did not learn from, beside the level of guessing every genre."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres import metrics
from ml.genres.metrics import Floats
from ml.genres.thresholds import decide
from ml.genres.weighted_metrics import Resampled

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
    figures = Resampled(y_true, y_score, taken, shown)
    value = figures.of(np.ones((1, len(y_true))))[0]
    low, high = figures.interval(resamples, seed)
    rows = [
        {"value": _plain(value[i]), "low": _plain(low[i]), "high": _plain(high[i])} for i in range(len(value))
    ]
    card: dict[str, Any] = dict(zip(FIGURES, rows, strict=False))
    card["posters"] = len(y_true)
    card["genres_a_poster"] = float(taken[:, shown].sum(axis=1).mean())
    card["true_genres_a_poster"] = float(y_true.sum(axis=1).mean())
    card["per_genre"] = _per_genre(
        y_true, y_score, taken, genres, cuts, rows[len(FIGURES) :], worthwhile=worthwhile
    )
    return card


def _per_genre(
    y_true: npt.NDArray[np.uint8],
    y_score: npt.NDArray[np.float32],
    taken: npt.NDArray[np.bool_],
    genres: Sequence[str],
    cuts: Floats,
    rows: list[dict[str, float | None]],
    *,
    worthwhile: float,
) -> list[dict[str, Any]]:
    precision, recall = metrics.precision_recall(y_true, taken.astype(np.float32), 0.5)
    average_precision = metrics.per_genre_average_precision(y_true, y_score)
    always = metrics.predict_everything_f1(y_true)
    f1, gain = rows[: len(genres)], rows[len(genres) :]
    return [
        {
            "genre": genre,
            "threshold": float(cuts[i]),
            "positives": int(y_true[:, i].sum()),
            "prevalence": float(y_true[:, i].mean()),
            "f1": f1[i],
            "f1_predict_everything": float(always[i]),
            "precision": _plain(precision[i]),
            "recall": _plain(recall[i]),
            "average_precision": _plain(average_precision[i]),
            "evidence": (gain[i]["low"] or 0.0) > worthwhile * float(always[i]),
        }
        for i, genre in enumerate(genres)
    ]


def _plain(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
