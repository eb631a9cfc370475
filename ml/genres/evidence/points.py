"""Thresholds and figures of one combination of parts, from out-of-fold logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres import operating_points
from ml.genres.calibration import Calibration, mean_log_loss, platt
from ml.genres.evidence.fusion_training import film_losses, is_above_noise
from ml.genres.evidence.model import DEFAULT_TICK, Thresholds
from ml.genres.head import sigmoid
from ml.genres.logistic_training import cross_calibrated
from ml.genres.metrics import GenreMetrics, precision_recall_coverage, tick_columns
from ml.genres.operating_points import SureTarget
from ml.genres.thresholds import NEVER
from ml.stats import bootstrap

Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Points:
    """Operating points of m films with the same parts.

    thresholds: from all films. scaling: the calibration of the fused logits. scores (m, g): out of fold,
    calibrated by the other folds. suggested, sure, ticked (m, g): decisions with thresholds from the other
    folds. shown (g,): genres that are ranked better than by chance; the others are never suggested.
    """

    thresholds: Thresholds
    scaling: Calibration
    scores: Float32
    suggested: Bools
    sure: Bools
    ticked: Bools
    shown: Bools

    def logits(self) -> Floats:
        """Of the scores (m, g), finite."""
        scores = self.scores.astype(np.float64).clip(1e-6, 1 - 1e-6)
        return np.asarray(np.log(scores / (1 - scores)), dtype=np.float64)

    def of(self, kept: Bools) -> Points:
        """The same points, with the decisions on some of the films (m,)."""
        return replace(
            self,
            scores=self.scores[kept],
            suggested=self.suggested[kept],
            sure=self.sure[kept],
            ticked=self.ticked[kept],
        )


def choose_points(
    labels: Labels,
    logits: npt.NDArray[np.floating],
    fold: Indexes,
    target: SureTarget,
    shrinkage: float,
    *,
    calibrate: bool = True,
) -> Points:
    """Choose the operating points from labels and out-of-fold logits (m, g) of films with folds (m,).

    *suggest* and *sure* are those of the recipe `logistic`. *tick* is `DEFAULT_TICK`: of calibrated scores,
    other cuts cost more corrections. calibrate: whether Platt scaling may be applied, if it lowers the
    log-loss out of fold.
    """
    genres = labels.shape[1]
    scaling = Calibration.none(genres)
    values = np.asarray(logits, dtype=np.float64)
    if calibrate:
        calibrated = cross_calibrated(labels, values, fold)
        if mean_log_loss(labels, calibrated) < mean_log_loss(labels, values):
            scaling, values = platt(labels, values), calibrated
    scores = sigmoid(values.astype(np.float32))
    shown = operating_points.ranked_above_chance(labels, values)
    suggested = np.zeros(labels.shape, dtype=bool)
    sure = np.zeros(labels.shape, dtype=bool)
    for number in np.unique(fold).tolist():
        held, rest = fold == number, fold != number
        cuts = operating_points.suggest_thresholds(labels[rest], scores[rest], shrinkage)
        suggested[held] = (scores[held] > cuts) & shown
        point = operating_points.sure_point(labels[rest], scores[rest], (scores[rest] > cuts) & shown, target)
        sure[held] = suggested[held] & (scores[held] > point.cut) & point.genres
    suggest = np.where(shown, operating_points.suggest_thresholds(labels, scores, shrinkage), NEVER)
    point = operating_points.sure_point(labels, scores, scores > suggest, target)
    tick = np.maximum(suggest, DEFAULT_TICK)
    thresholds = Thresholds(
        suggest.astype(np.float32),
        np.array(operating_points.sure_thresholds(suggest, point), dtype=np.float32),
        tick.astype(np.float32),
    )
    ticked = suggested & (scores > DEFAULT_TICK)
    return Points(thresholds, scaling, scores, suggested, sure, ticked, shown)


def parts_that_help(labels: Labels, candidates: Mapping[tuple[str, ...], Floats]) -> tuple[str, ...]:
    """Choose among combinations of parts, by the log-loss of their out-of-fold logits of the same films.

    labels (m, g); candidates: logits (m, g) by parts. The smallest that the best is not better than by more
    than a standard error: with few films, the fusion of a weak part is worse than none (the rule of Breiman,
    Friedman, Olshen & Stone, "Classification and regression trees", 1984).
    """
    losses = {parts: film_losses(labels, logits) for parts, logits in candidates.items()}
    best = min(losses, key=lambda parts: float(losses[parts].mean()))
    good = [parts for parts, loss in losses.items() if not is_above_noise(loss - losses[best])]
    fewest = min(map(len, good))
    return min((parts for parts in good if len(parts) == fewest), key=lambda one: float(losses[one].mean()))


def combination_figures(labels: Labels, points: Points, *, resamples: int, seed: int) -> dict[str, Any]:
    """The figures of one combination of parts, ready for JSON, with 95% intervals over films.

    macro_f1_suggest, map, ece, sure_precision, sure_recall; corrections: genres a film that a reviewer must
    untick or add; unchanged: the share of films whose ticked genres are exactly the true ones; n films.
    """
    metrics = GenreMetrics(labels, points.scores, points.suggested)
    sure = precision_recall_coverage(labels, points.sure)
    ticks = tick_columns(labels, points.ticked)

    def statistics(weights: Floats) -> Mapping[str, Floats]:
        genres, certain = metrics(weights), sure(weights)
        ticked = weights @ ticks / weights.sum(axis=1, keepdims=True)
        return {
            "macro_f1_suggest": genres["macro_f1"],
            "map": genres["mean_average_precision"],
            "ece": genres["expected_calibration_error"],
            "sure_precision": certain["precision"],
            "sure_recall": certain["recall"],
            "corrections": ticked[:, 0],
            "unchanged": ticked[:, 1],
        }

    found = bootstrap(statistics, len(labels), resamples=resamples, seed=seed)
    return {**found, "n": len(labels)}


def combination_name(parts: Sequence[str]) -> str:
    """How figures name a combination of parts: `poster+title`."""
    return "+".join(parts)
