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
from ml.genres.evidence import is_told
from ml.genres.fitting import TrainingDiverged, TrainingStopped
from ml.genres.head import GenreHead, LinearWeights, sigmoid
from ml.genres.logistic import Interrupted, Projection, fit_logistic, project, strengths
from ml.genres.out_of_fold import out_of_fold
from ml.genres.recipes import LogisticConfig, config_values
from ml.genres.scorecard import scorecard
from ml.genres.splitting import folds
from ml.genres.thresholds import NEVER
from ml.genres.training_set import TrainingSet
from ml.genres.weighted_metrics import calibration_error

Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]

MEASURED_ON = "all labelled posters, each scored by a model that saw nothing of its series"
MEASURED_ASIDE = "posters that the extractor never saw, each scored by a model that saw nothing of its series"
PLATT = "Platt scaling of out-of-fold logits, slopes shrunk towards the common one"


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
    aside: Bools | None = None,
) -> tuple[GenreHead, dict[str, Any], Bools]:
    """Fit one L2-regularised logistic regression a genre: the head, its JSON-ready metrics, and what was
    suggested out of fold, (n, genres), by which it can be set against another head.

    The genres of `data` must all be worth learning (see `training.train_on`). start: an earlier head; where
    its features and genres are the same, the fit on all rows begins there. The fits that are measured never
    do: a start that has seen the rows held out would whisper.

    aside: (n,), rows to fit to and never to measure on, such as those whose labels the extractor itself
    learned from: predictions on them are too good to set anything by. They may share no group with others.

    Metrics are out of fold over all rows but those aside: scores, calibration, thresholds and the sure cut of
    a fold come from the other folds. The head itself is fitted on all rows, with thresholds from all
    out-of-fold scores.

    Raises TrainingStopped, TrainingDiverged, TrainingDataError.
    """
    started = time.monotonic()
    genres = data.genres
    measured = np.ones(len(data.labels), dtype=bool) if aside is None else ~aside
    labels = data.labels[measured]
    try:
        fold = np.full(len(measured), -1, dtype=np.int64)
        fold[measured] = folds(data.groups[measured], labels, config.folds, config.seed)
        projection, rows = _projected(data, config)
        found = out_of_fold(rows, data.labels, fold, projection, config.strengths, should_stop)
        warm = _start(start, data, projection)
        coefficients = fit_logistic(
            rows,
            data.labels,
            strengths(data.labels, found.strength),
            projection.variances,
            start=found.coefficients if warm is None else warm,
            should_stop=should_stop,
        )
    except Interrupted:
        raise TrainingStopped({}) from None
    fold = found.fold
    # scaling is for scores that need it: it has to pay on posters it was not fitted to
    needed = mean_log_loss(labels, found.calibrated) < mean_log_loss(labels, found.logits)
    scaling = platt(labels, found.logits) if needed else Calibration.none(len(genres))
    scores = sigmoid((found.calibrated if needed else found.logits).astype(np.float32))
    points = _points(labels, scores, fold, config)
    shown = is_told(labels, found.logits)
    withheld = [genre for genre, told in zip(genres, shown.tolist(), strict=True) if not told]
    aim = operating_points.Aim(config.sure_precision, config.sure_least, config.sure_recall)
    point = operating_points.sure_point(labels, scores, (scores > points.suggest) & shown, aim)
    suggest = np.where(shown, points.suggest, NEVER)
    sure_thresholds = operating_points.sure_thresholds(suggest, point)
    head = GenreHead(
        _scaled(projection.head(coefficients), scaling),
        tuple(genres),
        tuple(suggest.tolist()),
        data.extractor,
        config.name,
        sure_thresholds,
        tuple(withheld),
    )
    card = scorecard(
        labels, scores, genres, points.suggest, resamples=config.resamples, seed=config.seed,
        chosen=points.taken, worthwhile=0.0, withheld=withheld,
    )  # fmt: skip
    for i, row in enumerate(card["per_genre"]):
        row["train_positives"] = int(data.labels[:, i].sum())
        row["sure_threshold"] = None if sure_thresholds[i] >= NEVER else sure_thresholds[i]
        # the scorecard's own asks for more: an F1 that beats suggesting the genre always
        row["evidence"] = bool(shown[i])
    suggested = points.taken & shown
    sure = suggested & _surely(labels, scores, fold, suggested, aim)
    metrics = {
        "config": config_values(config),
        "extractor": data.extractor,
        "measured_on": MEASURED_ON if aside is None else MEASURED_ASIDE,
        "rows": {"train": len(rows), "validation": len(labels)},
        "folds": int(fold.max()) + 1,
        "components": int(rows.shape[1]),
        "strength": found.strength,
        "strengths_tried": [{"strength": one, "log_loss": loss} for one, loss in found.tried],
        "warm_start": warm is not None,
        "calibration": {
            "method": PLATT if needed else "none: scaling did not lower the log-loss",
            "slopes": [round(float(slope), 4) for slope in scaling.slope],
            "ece_before": calibration_error(labels, sigmoid(found.logits), config.resamples, config.seed),
            "ece_after": card["expected_calibration_error"],
        },
        "no_evidence": withheld,
        "sure": {
            "aim": config.sure_precision,
            "target": point.target,
            "cut": None if point.cut >= NEVER else point.cut,
            "never": [genre for genre, at in zip(genres, sure_thresholds, strict=True) if at >= NEVER],
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


def _surely(
    labels: Labels, scores: Float32, fold: npt.NDArray[np.int64], suggested: Bools, aim: operating_points.Aim
) -> Bools:
    """What is above the sure cut of its fold, which the other folds chose; (n, genres)."""
    above = np.zeros(labels.shape, dtype=bool)
    for number in np.unique(fold).tolist():
        rest = fold != number
        point = operating_points.sure_point(labels[rest], scores[rest], suggested[rest], aim)
        above[~rest] = (scores[~rest] > point.cut) & point.genres
    return above


def _scaled(weights: LinearWeights, scaling: Calibration) -> LinearWeights:
    """The same head with its calibration inside."""
    return LinearWeights(
        (weights.kernel * scaling.slope).astype(np.float32),
        (weights.bias * scaling.slope + scaling.offset).astype(np.float32),
        weights.mean,
        weights.scale,
    )
