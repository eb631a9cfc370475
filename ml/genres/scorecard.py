"""How good a head is on posters it did not learn from, beside the level of guessing every genre."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres import metrics
from ml.genres.metrics import Floats

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
) -> dict[str, Any]:
    """Measure scores (n, genres) against labels (n, genres); ready for JSON (undefined figures are None).

    Each figure is {"value", "low", "high"} with a 95% bootstrap interval over posters, all from one set of
    resamples: `macro_f1_gain` is the paired difference to predict-everything. `per_genre` has the frequency,
    F1 with interval, F1 of predicting always, precision, recall and average precision, and `evidence`:
    whether the interval of the paired difference lies above a tenth of what predicting always scores. A genre
    without evidence is better not shown than guessed.
    """
    cuts = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), (len(genres),))

    def figures(truth: npt.NDArray[np.uint8], scores: npt.NDArray[np.float32]) -> Floats:
        f1 = metrics.per_genre_f1(truth, scores, cuts)
        always = metrics.predict_everything_f1(truth)
        overall = [
            f1.mean(),
            always.mean(),
            f1.mean() - always.mean(),
            metrics.micro_f1(truth, scores, cuts),
            metrics.samples_f1(truth, scores, cuts),
            metrics.mean_average_precision(truth, scores),
            metrics.expected_calibration_error(truth, scores),
        ]
        return np.concatenate([overall, f1, f1 - always])

    value = figures(y_true, y_score)
    low, high = metrics.bootstrap_interval(figures, y_true, y_score, n=resamples, seed=seed)
    rows = [
        {"value": _plain(value[i]), "low": _plain(low[i]), "high": _plain(high[i])} for i in range(len(value))
    ]
    card: dict[str, Any] = dict(zip(FIGURES, rows, strict=False))
    card["posters"] = len(y_true)
    card["genres_a_poster"] = float((y_score > cuts.astype(y_score.dtype)).sum(axis=1).mean())
    card["true_genres_a_poster"] = float(y_true.sum(axis=1).mean())
    card["per_genre"] = _per_genre(y_true, y_score, genres, cuts, rows[len(FIGURES) :])
    return card


def _per_genre(
    y_true: npt.NDArray[np.uint8],
    y_score: npt.NDArray[np.float32],
    genres: Sequence[str],
    cuts: Floats,
    rows: list[dict[str, float | None]],
) -> list[dict[str, Any]]:
    precision, recall = metrics.precision_recall(y_true, y_score, cuts)
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
            "evidence": (gain[i]["low"] or 0.0) > WORTHWHILE * float(always[i]),
        }
        for i, genre in enumerate(genres)
    ]


def _plain(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
