"""Metrics of a head on posters it was not trained on, beside those of predicting every genre."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.metrics import GenreMetrics
from ml.genres.thresholds import decide
from ml.stats import bootstrap

FIGURES = (
    "macro_f1",
    "macro_f1_predict_everything",
    "macro_f1_gain",
    "micro_f1",
    "samples_f1",
    "mean_average_precision",
    "expected_calibration_error",
)

# A head that predicts a genre for nearly every poster reliably gains a little over predicting it for all.
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
    whether the interval of the paired difference lies above `worthwhile` times the F1 of predicting always.
    Genres without evidence should not be suggested.

    chosen: (n, genres), decisions to measure instead of those by `thresholds` (out of fold, each part has
    thresholds of its own); `thresholds` are then only reported. withheld: genres that are never suggested and
    count so in the overall figures; their rows have the metrics of suggesting them.
    """
    cuts = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), (len(genres),))
    taken = decide(y_score, cuts) if chosen is None else chosen
    shown = np.array([genre not in withheld for genre in genres])
    measured = GenreMetrics(y_true, y_score, taken, shown)
    figures = bootstrap(measured, len(y_true), resamples=resamples, seed=seed)
    values = {
        name: figures[name] for name in ("f1_predict_everything", "precision", "recall", "average_precision")
    }
    return {
        **{name: figures[name] for name in FIGURES},
        "posters": len(y_true),
        "genres_a_poster": float(taken[:, shown].sum(axis=1).mean()),
        "true_genres_a_poster": float(y_true.sum(axis=1).mean()),
        "per_genre": [
            {
                "genre": genre,
                "threshold": float(cuts[i]),
                "positives": int(y_true[:, i].sum()),
                "prevalence": float(y_true[:, i].mean()),
                "f1": figures["f1"][i],
                **{name: column[i]["value"] for name, column in values.items()},
                "evidence": (figures["f1_gain"][i]["low"] or 0.0)
                > worthwhile * values["f1_predict_everything"][i]["value"],
            }
            for i, genre in enumerate(genres)
        ],
    }
