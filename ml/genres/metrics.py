"""Figures of merit for multi-label scores, in numpy, each with the chance level it stands beside.

Everywhere: `y_true` is (n, genres) of 0 and 1, `y_score` is (n, genres) of numbers in [0, 1], and a genre
is predicted when its score is strictly above the threshold (one number, or one per genre).
"""

import numpy as np
import numpy.typing as npt

from ml.genres.thresholds import decide
from ml.stats import Floats, Ranking, mean_of_defined, ratio

Bools = npt.NDArray[np.bool_]

# As in the published metric: a genre that nobody has and nobody predicts scores 0, not 0/0.
EPSILON = 1e-16

CALIBRATION_BINS = 15


def per_genre_f1(y_true: npt.ArrayLike, y_score: npt.ArrayLike, threshold: npt.ArrayLike = 0.5) -> Floats:
    """F1 of each genre, (genres,) float64; 0 where a genre has no hit."""
    truth, chosen = _decisions(y_true, y_score, threshold)
    return _f1(truth, chosen, axis=0)


def macro_f1(y_true: npt.ArrayLike, y_score: npt.ArrayLike, threshold: npt.ArrayLike = 0.5) -> float:
    """Unweighted mean of the genres' F1, as published (Maiza 2019)."""
    return float(per_genre_f1(y_true, y_score, threshold).mean())


def micro_f1(y_true: npt.ArrayLike, y_score: npt.ArrayLike, threshold: npt.ArrayLike = 0.5) -> float:
    """F1 over all (poster, genre) decisions pooled."""
    truth, chosen = _decisions(y_true, y_score, threshold)
    return float(_f1(truth.ravel(), chosen.ravel(), axis=0))


def samples_f1(y_true: npt.ArrayLike, y_score: npt.ArrayLike, threshold: npt.ArrayLike = 0.5) -> float:
    """Mean over posters of the F1 of their genre set; a poster with none true and none predicted counts 0."""
    truth, chosen = _decisions(y_true, y_score, threshold)
    return float(_f1(truth, chosen, axis=1).mean())


def precision_recall(
    y_true: npt.ArrayLike, y_score: npt.ArrayLike, threshold: npt.ArrayLike = 0.5
) -> tuple[Floats, Floats]:
    """Precision and recall of each genre, two (genres,) arrays; NaN where they are undefined."""
    truth, chosen = _decisions(y_true, y_score, threshold)
    hits = (truth & chosen).sum(axis=0).astype(np.float64)
    return ratio(hits, chosen.sum(axis=0)), ratio(hits, truth.sum(axis=0))


def per_genre_average_precision(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> Floats:
    """Average precision of each genre, (genres,) float64; NaN for a genre without a positive.

    The step-wise sum of scikit-learn: equal scores are one step, so their order does not matter.
    """
    truth, scores = _checked(y_true, y_score)
    once = np.ones((len(truth), 1))
    rankings = (Ranking(truth[:, genre], scores[:, genre]) for genre in range(truth.shape[1]))
    return np.array([ranking.average_precision(once)[0] for ranking in rankings])


def mean_average_precision(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Mean of the average precision over genres that have a positive; NaN if none has."""
    return float(mean_of_defined(per_genre_average_precision(y_true, y_score)))


def predict_everything_f1(y_true: npt.ArrayLike) -> Floats:
    """F1 of each genre when every poster gets every genre: 2p / (1 + p) at frequency p; (genres,)."""
    frequency = np.asarray(y_true, dtype=np.float64).mean(axis=0)
    return 2 * frequency / (1 + frequency)


def predict_everything_macro_f1(y_true: npt.ArrayLike) -> float:
    """Macro F1 of giving every genre to every poster: the level any model must beat."""
    return float(predict_everything_f1(y_true).mean())


def expected_calibration_error(
    y_true: npt.ArrayLike, y_score: npt.ArrayLike, bins: int = CALIBRATION_BINS
) -> float:
    """Mean gap between score and frequency, over all (poster, genre) pairs in equal-width bins of score.

    Guo et al., "On calibration of modern neural networks", 2017; in [0, 1], 0 is calibrated.
    Raises ValueError if a score lies outside [0, 1].
    """
    gaps = calibration_gaps(y_true, y_score, bins)
    return float(np.abs(gaps.sum(axis=0)).sum() / np.asarray(y_true).size)


def calibration_gaps(y_true: npt.ArrayLike, y_score: npt.ArrayLike, bins: int) -> Floats:
    """How much each poster adds to the gap of each bin: (n, bins) float64 sums of score minus label.

    Raises ValueError if a score lies outside [0, 1].
    """
    truth, scores = _checked(y_true, y_score)
    if scores.min() < 0 or scores.max() > 1:
        raise ValueError("Calibration needs scores between 0 and 1.")
    which = np.minimum((scores * bins).astype(np.int64), bins - 1)
    place = (np.arange(len(scores))[:, None] * bins + which).ravel()
    gap = (scores.astype(np.float64) - truth).ravel()
    sums = np.bincount(place, weights=gap, minlength=len(scores) * bins)
    return np.asarray(sums, dtype=np.float64).reshape(len(scores), bins)


def _checked(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> tuple[Bools, npt.NDArray[np.floating]]:
    truth, scores = np.asarray(y_true), np.asarray(y_score)
    if truth.ndim != 2 or truth.shape != scores.shape or 0 in truth.shape:
        raise ValueError(
            "Labels and scores must be two non-empty tables of one shape; "
            f"got {truth.shape} and {scores.shape}."
        )
    if not np.isin(truth, (0, 1)).all():
        raise ValueError("Labels must be 0 or 1.")
    if not np.issubdtype(scores.dtype, np.floating):
        scores = scores.astype(np.float64)
    if not np.isfinite(scores).all():
        raise ValueError("Some scores are not finite numbers.")
    return truth.astype(bool), scores


def _decisions(
    y_true: npt.ArrayLike, y_score: npt.ArrayLike, threshold: npt.ArrayLike
) -> tuple[Bools, Bools]:
    truth, scores = _checked(y_true, y_score)
    return truth, decide(scores, threshold)


def _f1(truth: Bools, chosen: Bools, axis: int) -> Floats:
    hits = (truth & chosen).sum(axis=axis)
    mistakes = (truth ^ chosen).sum(axis=axis)
    return np.asarray(2 * hits / (2 * hits + mistakes + EPSILON), dtype=np.float64)
