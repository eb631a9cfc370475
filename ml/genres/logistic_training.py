"""The recipe `logistic`: calibrated scores, and two operating points, all from out-of-fold predictions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres import operating_points
from ml.genres.calibration import Calibration, mean_log_loss, platt
from ml.genres.fitting import TrainingDiverged, TrainingStopped
from ml.genres.head import GenreHead, LinearWeights, sigmoid
from ml.genres.logistic import Interrupted, Projection, fit_logistic, project
from ml.genres.metrics import bootstrap_interval, expected_calibration_error
from ml.genres.out_of_fold import out_of_fold
from ml.genres.recipes import LogisticConfig, config_values
from ml.genres.resampling import least_f1_gain
from ml.genres.scorecard import scorecard
from ml.genres.splitting import folds
from ml.genres.thresholds import NEVER
from ml.genres.training_set import TrainingSet

Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]

MEASURED_ON = "all labelled posters, each scored by a model that saw nothing of its series"
PLATT = "Platt scaling of out-of-fold logits, slopes shrunk towards the common one"
# Enough for an interval of one small number.
CALIBRATION_RESAMPLES = 200


@dataclass(frozen=True)
class _Points:
    """Thresholds read off out-of-fold scores, and what each fold decides by those of the others."""

    suggest: Floats
    taken: Bools


def train_logistic(
    data: TrainingSet,
    config: LogisticConfig,
    should_stop: Callable[[], bool] | None = None,
    start: GenreHead | None = None,
) -> tuple[GenreHead, dict[str, Any], Bools]:
    """Fit one L2-regularised logistic regression a genre: the head, its JSON-ready metrics, and what was
    suggested out of fold, (n, genres), by which it can be set against another head.

    The genres of `data` must all be worth learning (see `training.train_on`). start: an earlier head; where
    its features and genres are the same, the fit on all rows begins there. The fits that are measured never
    do: a start that has seen the rows held out would whisper.

    Metrics are out of fold over all rows: scores, calibration, thresholds and the sure cut of a fold come
    from the other folds. The head itself is fitted on all rows, with thresholds from all out-of-fold scores.

    Raises TrainingStopped, TrainingDiverged, TrainingDataError.
    """
    started = time.monotonic()
    labels, genres = data.labels, data.genres
    try:
        fold = folds(data.groups, labels, config.folds, config.seed)
        projection, rows = _projected(data, config)
        found = out_of_fold(rows, labels, fold, projection, config.strengths, should_stop)
        warm = _start(start, data, projection)
        coefficients = fit_logistic(
            rows,
            labels,
            found.strength,
            projection.variances,
            start=found.coefficients if warm is None else warm,
            should_stop=should_stop,
        )
    except Interrupted:
        raise TrainingStopped({}) from None
    # scaling is for scores that need it: it has to pay on posters it was not fitted to
    needed = mean_log_loss(labels, found.calibrated) < mean_log_loss(labels, found.logits)
    scaling = platt(labels, found.logits) if needed else Calibration.none(len(genres))
    scores = sigmoid((found.calibrated if needed else found.logits).astype(np.float32))
    points = _points(labels, scores, fold, config)
    gain = least_f1_gain(labels, points.taken, config.resamples, config.seed)
    withheld = [genre for genre, least in zip(genres, gain, strict=True) if least <= 0]
    shown = gain > 0
    cut = operating_points.sure_cut(labels, scores, (scores > points.suggest) & shown, config.sure_precision)
    suggest = np.where(shown, points.suggest, NEVER)
    head = GenreHead(
        _scaled(projection.head(coefficients), scaling),
        tuple(genres),
        tuple(suggest.tolist()),
        data.extractor,
        config.name,
        operating_points.sure_thresholds(suggest, cut),
        tuple(withheld),
    )
    card = scorecard(
        labels, scores, genres, points.suggest, resamples=config.resamples, seed=config.seed,
        chosen=points.taken, worthwhile=0.0, withheld=withheld,
    )  # fmt: skip
    for row, count, genre in zip(card["per_genre"], labels.sum(axis=0), genres, strict=True):
        row["train_positives"] = int(count)
        row["sure_threshold"] = None if genre in withheld or cut >= NEVER else max(cut, row["threshold"])
    suggested = points.taken & shown
    sure = suggested & (scores > _cuts(labels, scores, fold, suggested, config.sure_precision)[:, None])
    metrics = {
        "config": config_values(config),
        "extractor": data.extractor,
        "measured_on": MEASURED_ON,
        "rows": {"train": len(rows), "validation": len(rows)},
        "folds": int(fold.max()) + 1,
        "components": int(rows.shape[1]),
        "strength": found.strength,
        "strengths_tried": [{"strength": one, "log_loss": loss} for one, loss in found.tried],
        "warm_start": warm is not None,
        "calibration": {
            "method": PLATT if needed else "none: scaling did not lower the log-loss",
            "slopes": [round(float(slope), 4) for slope in scaling.slope],
            "ece_before": _ece(labels, sigmoid(found.logits), config.seed),
            "ece_after": _ece(labels, scores, config.seed),
        },
        "no_evidence": withheld,
        "sure": {
            "target": config.sure_precision,
            "cut": None if cut >= NEVER else cut,
            **operating_points.sure_figures(labels, sure, resamples=config.resamples, seed=config.seed),
        },
        "abstention": operating_points.abstention_curve(labels, scores, suggested),
        "seconds": round(time.monotonic() - started, 3),
        "validation": card,
    }
    return head, metrics, suggested


def _projected(data: TrainingSet, config: LogisticConfig) -> tuple[Projection, Float32]:
    with np.errstate(all="ignore"):
        projection = project(data.features, config.components, config.seed)
        rows = projection.apply(data.features)
    if not np.isfinite(rows).all():
        raise TrainingDiverged(
            "The features are too large to be standardised in float32: embed the posters again, or use "
            "another extractor."
        )
    return projection, rows


def _start(head: GenreHead | None, data: TrainingSet, projection: Projection) -> Floats | None:
    """The coefficients of an earlier head, if it is of the same make."""
    fits = (
        head is not None
        and isinstance(head.weights, LinearWeights)
        and head.genres == tuple(data.genres)
        and head.extractor == data.extractor
        and head.weights.dims[0] == data.features.shape[1]
    )
    return projection.coefficients(head.weights) if fits else None  # type: ignore[union-attr,arg-type]


def _points(labels: Labels, scores: Float32, fold: npt.NDArray[np.int64], config: LogisticConfig) -> _Points:
    taken = np.zeros(labels.shape, dtype=bool)
    for number in np.unique(fold).tolist():
        held = fold == number
        cuts = operating_points.suggest_thresholds(labels[~held], scores[~held], config.shrinkage)
        taken[held] = scores[held] > cuts
    return _Points(operating_points.suggest_thresholds(labels, scores, config.shrinkage), taken)


def _cuts(
    labels: Labels, scores: Float32, fold: npt.NDArray[np.int64], suggested: Bools, target: float
) -> Floats:
    """The sure cut of each row's fold, from the other folds; (n,)."""
    cuts = np.full(len(labels), NEVER)
    for number in np.unique(fold).tolist():
        rest = fold != number
        cuts[~rest] = operating_points.sure_cut(labels[rest], scores[rest], suggested[rest], target)
    return cuts


def _scaled(weights: LinearWeights, scaling: Calibration) -> LinearWeights:
    """The same head with its calibration inside."""
    return LinearWeights(
        (weights.kernel * scaling.slope).astype(np.float32),
        (weights.bias * scaling.slope + scaling.offset).astype(np.float32),
        weights.mean,
        weights.scale,
    )


def _ece(labels: Labels, scores: Float32, seed: int) -> dict[str, float]:
    value = expected_calibration_error(labels, scores)
    low, high = bootstrap_interval(
        expected_calibration_error, labels, scores, n=CALIBRATION_RESAMPLES, seed=seed
    )
    return {"value": value, "low": float(low), "high": float(high)}
