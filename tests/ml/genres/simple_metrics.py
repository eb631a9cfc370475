"""Metrics of tables of labels and scores, without weights or intervals."""

import numpy as np
import numpy.typing as npt

from ml.genres.metrics import calibration_error
from ml.genres.thresholds import decide


def per_genre_f1(
    truth: npt.ArrayLike, scores: npt.ArrayLike, threshold: npt.ArrayLike = 0.5
) -> npt.NDArray[np.float64]:
    labels, chosen = np.asarray(truth).astype(bool), decide(scores, threshold)
    f1 = 2 * (labels & chosen).sum(axis=0) / np.maximum(labels.sum(axis=0) + chosen.sum(axis=0), 1)
    return np.asarray(f1, dtype=np.float64)


def macro_f1(truth: npt.ArrayLike, scores: npt.ArrayLike, threshold: npt.ArrayLike = 0.5) -> float:
    return float(per_genre_f1(truth, scores, threshold).mean())


def expected_calibration_error(truth: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    return float(calibration_error(truth, scores, resamples=1)["value"])
