"""Out-of-fold logits of every labelled poster, and the regularisation they speak for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.genres.calibration import Calibration, mean_log_loss, platt
from ml.genres.logistic import Projection, fit_logistic, logits_of

Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]

# Strengths are tried from strong to weak until so many in a row have made it worse.
WORSE_IN_A_ROW = 2


@dataclass(frozen=True)
class OutOfFold:
    """What models that never saw a poster's group say about it.

    fold (n,); logits (n, genres) as fitted, and calibrated (n, genres) each by a Platt scaling fitted to the
    other folds; strength: the regularisation chosen; tried: (strength, log-loss) pairs; coefficients: those
    of the last fold at that strength, as a start for the fit on all rows.
    """

    fold: Indices
    logits: Float32
    calibrated: Floats
    strength: float
    tried: tuple[tuple[float, float], ...]
    coefficients: Floats


def out_of_fold(
    rows: Float32,
    labels: Labels,
    fold: Indices,
    projection: Projection,
    strengths: Sequence[float],
    should_stop: Callable[[], bool] | None = None,
) -> OutOfFold:
    """Fit each fold's complement at falling strengths; keep the strength of the lowest calibrated log-loss.

    rows: (n, k) components; labels (n, genres); fold (n,). The criterion is the mean log-loss over genres
    after out-of-fold Platt scaling: strong regularisation shrinks scores as well as ranking noise, and the
    former is mended afterwards. Within a fold, a strength starts where the one before it ended.

    Raises ml.genres.logistic.Interrupted.
    """
    starts: dict[int, Floats] = {}
    best: OutOfFold | None = None
    lowest, worse = np.inf, 0
    tried: list[tuple[float, float]] = []
    for strength in sorted(strengths, reverse=True):
        logits = np.empty(labels.shape, dtype=np.float32)
        for number in np.unique(fold).tolist():
            held = fold == number
            starts[number] = fit_logistic(
                rows[~held],
                labels[~held],
                strength,
                projection.variances,
                start=starts.get(number),
                should_stop=should_stop,
            )
            logits[held] = logits_of(rows[held], starts[number])
        calibrated = cross_calibrated(labels, logits, fold)
        loss = mean_log_loss(labels, calibrated)
        tried.append((strength, loss))
        if loss < lowest:
            last = starts[int(fold.max())]
            best = OutOfFold(fold, logits, calibrated, strength, (), last)
            lowest, worse = loss, 0
        else:
            worse += 1
            if worse == WORSE_IN_A_ROW:
                break
    assert best is not None  # noqa: S101  a finite loss is below infinity, and there is a strength
    return OutOfFold(best.fold, best.logits, best.calibrated, best.strength, tuple(tried), best.coefficients)


def cross_calibrated(labels: Labels, logits: npt.NDArray[np.floating], fold: Indices) -> Floats:
    """Calibrate each fold's logits by a Platt scaling fitted to the other folds; (n, genres) float64."""
    result = np.empty(logits.shape, dtype=np.float64)
    for number in np.unique(fold).tolist():
        held = fold == number
        scaling: Calibration = platt(labels[~held], logits[~held])
        result[held] = scaling.apply(logits[held])
    return result
