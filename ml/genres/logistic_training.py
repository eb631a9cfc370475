"""The recipe `logistic`: calibrated scores and two operating points, from out-of-fold predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres import operating_points
from ml.genres.calibration import Calibration, mean_log_loss, platt
from ml.genres.errors import TrainingDiverged, TrainingStopped
from ml.genres.head import GenreHead, LinearWeights, sigmoid
from ml.genres.logistic import (
    LEAST_GAIN,
    Interrupted,
    Projection,
    fit_logistic,
    logits_of,
    project,
    strengths,
)
from ml.genres.metrics import calibration_error
from ml.genres.recipes import LogisticConfig, config_values
from ml.genres.scorecard import scorecard
from ml.genres.splitting import folds
from ml.genres.thresholds import NEVER
from ml.genres.training_set import TrainingSet

Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]
Indexes = npt.NDArray[np.int64]

MEASURED_ON = "all labelled posters, each scored by a model that saw nothing of its series"
MEASURED_ON_HELD_OUT = (
    "posters that the extractor never saw, each scored by a model that saw nothing of its series"
)
PLATT = "Platt scaling of out-of-fold logits, slopes shrunk towards the common one"


@dataclass(frozen=True)
class _Points:
    """suggest (genres,): thresholds from all out-of-fold scores. taken (n, genres): decisions in each fold
    with thresholds from the other folds."""

    suggest: Floats
    taken: Bools


@dataclass(frozen=True)
class FittedHead:
    """Weights fitted on all rows, and predictions for the m measured ones.

    weights: with the calibration included. found: the predictions as fitted. logits (m, genres): out of fold
    and, where that lowers the log-loss (`scaled`), calibrated by the other folds. warm: whether the fit
    started from an earlier head.
    """

    weights: LinearWeights
    found: OutOfFold
    logits: npt.NDArray[np.floating]
    scaling: Calibration
    scaled: bool
    warm: bool
    components: int


def fit_head(
    data: TrainingSet,
    config: LogisticConfig,
    fold: Indexes,
    should_stop: Callable[[], bool] | None = None,
    start: GenreHead | None = None,
    calibrate_on: Bools | None = None,
) -> FittedHead:
    """Fit the regressions of `train_logistic`; fold (n,) is negative for rows to train on but not to measure.

    calibrate_on (m,): the measured rows that choose the calibration, by default all.

    Raises TrainingStopped, TrainingDiverged.
    """
    labels = data.labels[fold >= 0]
    try:
        projection, rows = _projected(data, config)
        found = out_of_fold(rows, data.labels, fold, projection.variances, config.strengths, should_stop)
        warm = _start_coefficients(start, data, projection)
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
    chosen = np.ones(len(labels), dtype=bool) if calibrate_on is None else calibrate_on
    truth, logits = labels[chosen], found.logits[chosen]
    calibrated = found.calibrated if chosen.all() else cross_calibrated(truth, logits, found.fold[chosen])
    # Scale only if that lowers the log-loss out of fold.
    needed = mean_log_loss(truth, calibrated) < mean_log_loss(truth, logits)
    scaling = platt(truth, logits) if needed else Calibration.none(len(data.genres))
    result = found.logits if not needed else scaling.apply(found.logits)
    if needed:
        result[chosen] = calibrated
    weights = _scaled(projection.head(coefficients), scaling)
    return FittedHead(weights, found, result, scaling, needed, warm is not None, int(rows.shape[1]))


def train_logistic(
    data: TrainingSet,
    config: LogisticConfig,
    should_stop: Callable[[], bool] | None = None,
    start: GenreHead | None = None,
    train_only: Bools | None = None,
) -> tuple[GenreHead, dict[str, Any], Bools]:
    """Train one L2-regularised logistic regression per genre.

    Returns the head, its metrics (ready for JSON), and the out-of-fold suggestions (n, genres) of the
    measured rows, for comparison with other heads.

    data: all genres must have enough posters (see `training.train_on`). start: an earlier head; if its
    features and genres are the same, the fit on all rows starts from it. The measured fits never do, because
    that head may have been trained on the held-out rows. train_only (n,): rows to train on but not to
    measure, such as those that the extractor was trained on, whose predictions are too good. They must not
    share groups with other rows.

    Metrics are out of fold: scores, calibration, thresholds and sure cut of a fold come from the other folds.
    The head is fitted on all rows, with thresholds from all out-of-fold scores.

    Raises TrainingStopped, TrainingDiverged, TrainingDataError.
    """
    started = time.monotonic()
    genres = data.genres
    measured = np.ones(len(data.labels), dtype=bool) if train_only is None else ~train_only
    labels = data.labels[measured]
    all_folds = np.full(len(measured), -1, dtype=np.int64)
    all_folds[measured] = folds(data.groups[measured], labels, config.folds, config.seed)
    fitted = fit_head(data, config, all_folds, should_stop, start)
    found, fold = fitted.found, fitted.found.fold
    scores = sigmoid(fitted.logits.astype(np.float32))
    points = _points(labels, scores, fold, config)
    shown = operating_points.ranked_above_chance(labels, found.logits)
    withheld = [genre for genre, show in zip(genres, shown.tolist(), strict=True) if not show]
    target = operating_points.SureTarget(config.sure_precision, config.sure_least, config.sure_recall)
    point = operating_points.sure_point(labels, scores, (scores > points.suggest) & shown, target)
    suggest = np.where(shown, points.suggest, NEVER)
    sure_thresholds = operating_points.sure_thresholds(suggest, point)
    head = GenreHead(
        fitted.weights,
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
        # Less strict than the scorecard's, which compares F1 with that of always predicting the genre.
        row["evidence"] = bool(shown[i])
    suggested = points.taken & shown
    sure = suggested & _sure(labels, scores, fold, suggested, target)
    metrics = {
        "config": config_values(config),
        "extractor": data.extractor,
        "measured_on": MEASURED_ON if train_only is None else MEASURED_ON_HELD_OUT,
        "rows": {"train": len(data.labels), "validation": len(labels)},
        "folds": int(fold.max()) + 1,
        "components": fitted.components,
        "strength": found.strength,
        "strengths_tried": [{"strength": one, "log_loss": loss} for one, loss in found.tried],
        "warm_start": fitted.warm,
        "calibration": {
            "method": PLATT if fitted.scaled else "none: scaling did not lower the log-loss",
            "slopes": [round(float(slope), 4) for slope in fitted.scaling.slope],
            "ece_before": calibration_error(
                labels, sigmoid(found.logits), resamples=config.resamples, seed=config.seed
            ),
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


def _start_coefficients(head: GenreHead | None, data: TrainingSet, projection: Projection) -> Floats | None:
    """The coefficients of an earlier head, if it has the same features and genres."""
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


def _sure(
    labels: Labels,
    scores: Float32,
    fold: npt.NDArray[np.int64],
    suggested: Bools,
    target: operating_points.SureTarget,
) -> Bools:
    """Which scores exceed the sure cut chosen by the other folds; (n, genres)."""
    above = np.zeros(labels.shape, dtype=bool)
    for number in np.unique(fold).tolist():
        rest = fold != number
        point = operating_points.sure_point(labels[rest], scores[rest], suggested[rest], target)
        above[~rest] = (scores[~rest] > point.cut) & point.genres
    return above


def _scaled(weights: LinearWeights, scaling: Calibration) -> LinearWeights:
    """The weights with the calibration included."""
    return LinearWeights(
        (weights.kernel * scaling.slope).astype(np.float32),
        (weights.bias * scaling.slope + scaling.offset).astype(np.float32),
        weights.mean,
        weights.scale,
    )


@dataclass(frozen=True)
class OutOfFold:
    """Predictions for n posters by models that were not trained on their groups.

    fold (n,); logits (n, genres) as fitted; calibrated (n, genres): logits after Platt scaling fitted to the
    other folds; strength: the chosen common regularisation strength (`logistic.strengths` derives those of
    the genres); tried: (strength, log-loss) pairs, strongest first; coefficients: of the last fold at that
    strength, a start for the fit on all rows.
    """

    fold: Indexes
    logits: Float32
    calibrated: Floats
    strength: float
    tried: tuple[tuple[float, float], ...]
    coefficients: Floats


@dataclass(frozen=True)
class _Try:
    """All folds at one strength: logits (n, genres), log-loss, coefficients of each fold."""

    logits: Float32
    loss: float
    coefficients: list[Floats]


def out_of_fold(
    rows: Float32 | Any,
    labels: Labels,
    fold: Indexes,
    variances: Floats,
    candidates: Sequence[float],
    should_stop: Callable[[], bool] | None = None,
    *,
    measured: Bools | None = None,
    least_gain: float = LEAST_GAIN,
) -> OutOfFold:
    """Cross-validate, and choose the regularisation strength with the lowest calibrated log-loss.

    rows: (n, k) components, or a SciPy sparse array; labels (n, genres); fold (n,), negative for rows that
    are always trained on and never measured; variances (k,) of the columns. measured (n,): which rows with a
    fold are measured (by default all); the others are only left out of their fold's training. least_gain: see
    `fit_logistic`.

    The criterion is the mean log-loss over genres after Platt scaling of all out-of-fold logits, because
    strong regularisation shrinks scores, which scaling repairs. (The scaling is fitted to the rows it is
    measured on, at every strength alike; reported scores are calibrated out of fold.)

    The search starts at the middle strength and goes downhill: the loss has one minimum, so three or four
    strengths suffice. Each fit starts from the coefficients of the neighbouring strength.

    Raises ml.genres.logistic.Interrupted.
    """
    falling = sorted(set(candidates), reverse=True)
    measured = fold >= 0 if measured is None else measured
    truth, fold_of = labels[measured], fold[measured]
    parts = [fold == number for number in np.unique(fold_of).tolist()]
    tested = [held_out & measured for held_out in parts]
    tried: dict[int, _Try] = {}

    def attempt(place: int, start: list[Floats] | None) -> None:
        logits = np.empty(truth.shape, dtype=np.float32)
        found = []
        for number, held_out in enumerate(parts):
            train_labels = labels[~held_out]
            coefficients = fit_logistic(
                rows[~held_out],
                train_labels,
                strengths(train_labels, falling[place]),
                variances,
                start=None if start is None else start[number],
                should_stop=should_stop,
                least_gain=least_gain,
            )
            logits[tested[number][measured]] = logits_of(rows[tested[number]], coefficients)
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
    chosen = tried[best]
    return OutOfFold(
        fold_of,
        chosen.logits,
        cross_calibrated(truth, chosen.logits, fold_of),
        falling[best],
        tuple((falling[place], tried[place].loss) for place in sorted(tried)),
        chosen.coefficients[-1],
    )


def cross_calibrated(labels: Labels, logits: npt.NDArray[np.floating], fold: Indexes) -> Floats:
    """Calibrate each fold's logits with a Platt scaling fitted to the other folds; (n, genres) float64."""
    result = np.empty(logits.shape, dtype=np.float64)
    for number in np.unique(fold).tolist():
        held_out = fold == number
        scaling = platt(labels[~held_out], logits[~held_out])
        result[held_out] = scaling.apply(logits[held_out])
    return result
