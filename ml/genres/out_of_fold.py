"""Out-of-fold logits of every labelled poster, and the regularisation they speak for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.genres.calibration import Calibration, mean_log_loss, platt
from ml.genres.logistic import Projection, fit_logistic, logits_of
from ml.genres.logistic import strengths as by_genre

Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OutOfFold:
    """What models that never saw a poster's group say about it, for the n posters of a fold.

    fold (n,); logits (n, genres) as fitted, and calibrated (n, genres) each by a Platt scaling fitted to the
    other folds; strength: the common regularisation chosen (`logistic.strengths` makes those of the genres of
    it); tried: (strength, log-loss) pairs, strongest first; coefficients: those of the last fold at that
    strength, as a start for the fit on all rows.
    """

    fold: Indices
    logits: Float32
    calibrated: Floats
    strength: float
    tried: tuple[tuple[float, float], ...]
    coefficients: Floats


@dataclass(frozen=True)
class _Try:
    """All folds at one strength: logits (n, genres), log-loss, and the coefficients of each fold."""

    logits: Float32
    loss: float
    coefficients: list[Floats]


def out_of_fold(
    rows: Float32,
    labels: Labels,
    fold: Indices,
    projection: Projection,
    strengths: Sequence[float],
    should_stop: Callable[[], bool] | None = None,
) -> OutOfFold:
    """Fit each fold's complement, and keep the strength of the lowest calibrated log-loss.

    rows: (n, k) components; labels (n, genres); fold (n,), negative for a poster that is never held out: all
    models see it, and none is measured on it. The criterion is the mean log-loss over genres after Platt
    scaling of the out-of-fold logits: strong regularisation shrinks scores as well as ranking noise, and the
    former is mended afterwards. (Two numbers a genre are fitted to what is judged, the same two at every
    strength; what is reported is calibrated out of fold.)

    The search begins in the middle and walks downhill: the loss has one valley, so three or four strengths
    tell what all would. Within a fold, a strength starts where its neighbour ended.

    Raises ml.genres.logistic.Interrupted.
    """
    falling = sorted(set(strengths), reverse=True)
    measured = fold >= 0
    truth, fold_of = labels[measured], fold[measured]
    parts = [fold == number for number in np.unique(fold_of).tolist()]
    tried: dict[int, _Try] = {}

    def attempt(place: int, start: list[Floats] | None) -> None:
        logits = np.empty(truth.shape, dtype=np.float32)
        found = []
        for number, held in enumerate(parts):
            learned = labels[~held]
            coefficients = fit_logistic(
                rows[~held],
                learned,
                by_genre(learned, falling[place]),
                projection.variances,
                start=None if start is None else start[number],
                should_stop=should_stop,
            )
            logits[held[measured]] = logits_of(rows[held], coefficients)
            found.append(coefficients)
        loss = mean_log_loss(truth, platt(truth, logits).apply(logits))
        tried[place] = _Try(logits, loss, found)

    best = (len(falling) - 1) // 2
    attempt(best, None)
    while True:
        here = best
        for place in (here + 1, here - 1):
            if 0 <= place < len(falling) and place not in tried:
                attempt(place, tried[here].coefficients)
        best = min(tried, key=lambda place: tried[place].loss)
        if best == here:
            break
    kept = tried[best]
    return OutOfFold(
        fold_of,
        kept.logits,
        cross_calibrated(truth, kept.logits, fold_of),
        falling[best],
        tuple((falling[place], tried[place].loss) for place in sorted(tried)),
        kept.coefficients[-1],
    )


def cross_calibrated(labels: Labels, logits: npt.NDArray[np.floating], fold: Indices) -> Floats:
    """Calibrate each fold's logits by a Platt scaling fitted to the other folds; (n, genres) float64."""
    result = np.empty(logits.shape, dtype=np.float64)
    for number in np.unique(fold).tolist():
        held = fold == number
        scaling: Calibration = platt(labels[~held], logits[~held])
        result[held] = scaling.apply(logits[held])
    return result
