"""Training a genre head: split by group, fit, measure; `python -m ml.genres.training` from a shell."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.fitting import Epoch, History, TrainingDiverged, TrainingStopped, fit
from ml.genres.head import GenreHead
from ml.genres.held_out import HeldOut
from ml.genres.recipes import (
    RECIPES,
    AnyConfig,
    LogisticConfig,
    TrainingConfig,
    TrainingConfigError,
    config_values,
)
from ml.genres.scorecard import scorecard
from ml.genres.splitting import split
from ml.genres.training_set import TrainingDataError, TrainingSet, training_set

__all__ = [
    "RECIPES",
    "Epoch",
    "TrainedHead",
    "TrainingConfig",
    "TrainingConfigError",
    "TrainingDataError",
    "TrainingDiverged",
    "TrainingStopped",
    "split",
    "train",
    "train_on",
]

FEW = "too few examples"


@dataclass(frozen=True)
class TrainedHead:
    """A head, its learning curves (`history`: a list by name, one number an epoch), JSON-ready metrics, and
    the decisions that these were measured on.

    A recipe without epochs has an empty history.
    """

    head: GenreHead
    history: History
    metrics: dict[str, Any]
    held_out: HeldOut


def train(
    features: npt.ArrayLike,
    y: npt.ArrayLike,
    genres: Sequence[str],
    config: AnyConfig | None = None,
    groups: npt.ArrayLike | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    *,
    extractor: str = "",
    should_stop: Callable[[], bool] | None = None,
    start: GenreHead | None = None,
) -> TrainedHead:
    """Train a head on features (n, d) and labels y (n, genres) of 0 and 1.

    config: the recipe's by default. groups, extractor: see TrainingSet. Genres with fewer than
    `config.min_positives` positives among the training rows are left out of the head and named in
    `metrics["left_out"]`. What the metrics are measured on, they say themselves: a dense head's on the
    validation rows, which also chose the epoch (slightly kind); those of `logistic` out of fold on all rows.
    start: an earlier head for a recipe that can begin with one, which saves time and changes nothing else.

    Raises TrainingDataError, TrainingDiverged or TrainingStopped.
    """
    return train_on(
        training_set(features, y, genres, groups, extractor),
        config or TrainingConfig(),
        on_epoch,
        should_stop,
        start,
    )


def train_on(
    data: TrainingSet,
    config: AnyConfig,
    on_epoch: Callable[[Epoch], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    start: GenreHead | None = None,
) -> TrainedHead:
    """Train a head on a checked TrainingSet; see `train`."""
    if isinstance(config, LogisticConfig):
        return _train_logistic(data, config, should_stop, start)
    started = time.monotonic()
    train_rows, held_rows = split(data.groups, data.labels, config.validation_fraction, config.seed)
    positives = data.labels[train_rows].sum(axis=0, dtype=np.int64)
    kept = _learnable(positives, config.min_positives)
    genres = [data.genres[i] for i in kept]
    labels = data.labels[:, kept]
    # Features and labels are taken with the same index array, so a row never meets another poster's labels.
    held = (data.features[held_rows], labels[held_rows])
    fitted = fit((data.features[train_rows], labels[train_rows]), held, config, on_epoch, should_stop)
    head = GenreHead.with_threshold(
        fitted.weights, genres, config.threshold, extractor=data.extractor, recipe=config.name
    )
    scores = head.scores(held[0])
    card = scorecard(held[1], scores, genres, head.thresholds, resamples=config.resamples, seed=config.seed)
    for row, count in zip(card["per_genre"], positives[kept], strict=True):
        row["train_positives"] = int(count)
    metrics = {
        "config": config_values(config),
        "extractor": data.extractor,
        "measured_on": "validation rows, which also chose the epoch",
        "rows": {"train": len(train_rows), "validation": len(held_rows)},
        "epochs_run": len(fitted.history["loss"]),
        "best_epoch": fitted.best_epoch,
        "seconds": round(time.monotonic() - started, 3),
        "left_out": _left_out(data.genres, positives, config.min_positives),
        "validation": card,
    }
    return TrainedHead(head, fitted.history, metrics, HeldOut(held_rows, head.suggested(scores)))


def _train_logistic(
    data: TrainingSet,
    config: LogisticConfig,
    should_stop: Callable[[], bool] | None,
    start: GenreHead | None,
) -> TrainedHead:
    # The published recipe needs none of this.
    from ml.genres.logistic_training import train_logistic

    positives = data.labels.sum(axis=0, dtype=np.int64)
    kept = _learnable(positives, config.min_positives)
    learnable = replace(data, labels=data.labels[:, kept], genres=tuple(data.genres[i] for i in kept))
    head, metrics, suggested = train_logistic(learnable, config, should_stop, start)
    return TrainedHead(
        head,
        {},
        metrics | {"left_out": _left_out(data.genres, positives, config.min_positives)},
        HeldOut(np.arange(len(suggested)), suggested),
    )


def _learnable(positives: npt.NDArray[np.int64], least: int) -> npt.NDArray[np.int64]:
    kept = np.flatnonzero(positives >= least)
    if not kept.size:
        raise TrainingDataError(
            f"No genre has {least} labelled posters to learn from (the most frequent has "
            f"{int(positives.max())}): label more, or lower min_positives."
        )
    return kept


def _left_out(
    genres: Sequence[str], positives: npt.NDArray[np.int64], least: int
) -> list[dict[str, str | int]]:
    return [
        {"genre": genre, "train_positives": int(count), "reason": FEW}
        for genre, count in zip(genres, positives, strict=True)
        if count < least
    ]


if __name__ == "__main__":
    import sys

    from ml.genres.training_command import main

    sys.exit(main())
