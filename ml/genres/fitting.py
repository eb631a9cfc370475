"""Fitting a head with Keras: frozen features in, the weights of the best epoch and the history out.

TensorFlow is imported here, inside functions, and nowhere else among the genres but in losses.py.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.head import HeadWeights
from ml.genres.losses import macro_f1, macro_soft_f1
from ml.genres.recipes import TrainingConfig

Float32 = npt.NDArray[np.float32]
History = dict[str, list[float]]

HISTORY_KEYS = ("loss", "val_loss", "macro_f1", "val_macro_f1", "seconds")

# Rows of the training set on which its curve is measured after each epoch; enough for a curve, and cheap.
CURVE_ROWS = 8192


class TrainingDiverged(RuntimeError):
    """The loss stopped being a number."""


class TrainingStopped(Exception):
    """The caller asked to stop. `history` holds the epochs done so far, if the training has epochs."""

    def __init__(self, history: History) -> None:
        after = f" after {len(history['loss'])} epochs" if history else ""
        super().__init__(f"Training was stopped{after}; no model was written.")
        self.history = history


@dataclass(frozen=True)
class Epoch:
    """One point of the learning curves: loss and macro F1 over whole sets, after the epoch, no dropout."""

    epoch: int
    epochs: int
    loss: float
    val_loss: float
    macro_f1: float
    val_macro_f1: float
    seconds: float


@dataclass(frozen=True)
class Fit:
    """The weights of the epoch with the lowest validation loss (`best_epoch`, from 1), and the history."""

    weights: HeadWeights
    history: History
    best_epoch: int


def fit(
    train: tuple[Float32, npt.NDArray[np.uint8]],
    validation: tuple[Float32, npt.NDArray[np.uint8]],
    config: TrainingConfig,
    on_epoch: Callable[[Epoch], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Fit:
    """Train Dense(hidden, relu) and Dense(genres, sigmoid) with Adam on (features, labels).

    should_stop is asked after every batch. Both curves are measured the same way, each set as one batch,
    because a soft F1 averaged over batches depends on their size and scores a genre missing from a batch as a
    failure.

    Raises TrainingStopped if should_stop said so, TrainingDiverged if the loss became NaN or infinite.
    """
    import keras

    stop = should_stop or (lambda: False)
    if stop():
        raise TrainingStopped({key: [] for key in HISTORY_KEYS})
    keras.utils.set_random_seed(config.seed)
    mean, scale = _standard(train[0], config.standardise)
    features, labels = (train[0] - mean) / scale, train[1].astype(np.float32)
    held_features, held_labels = (validation[0] - mean) / scale, validation[1].astype(np.float32)

    model = _build(features.shape[1], labels.shape[1], config)
    loss = macro_soft_f1 if config.loss == "macro_soft_f1" else keras.losses.BinaryCrossentropy()
    model.compile(optimizer=keras.optimizers.Adam(config.learning_rate), loss=loss)

    curve_rows = np.sort(np.random.default_rng(config.seed).permutation(len(features))[:CURVE_ROWS])
    watch = _Watch(
        config,
        lambda: (
            _measure(model, loss, features[curve_rows], labels[curve_rows], config.threshold),
            _measure(model, loss, held_features, held_labels, config.threshold),
        ),
        on_epoch or (lambda epoch: None),
    )

    def after_batch(batch: int, logs: Any = None) -> None:
        if stop():
            model.stop_training = True

    def after_epoch(epoch: int, logs: Any = None) -> None:
        if stop():
            model.stop_training = True
            return
        model.stop_training = watch.record(epoch + 1, model.get_weights())

    model.fit(
        features,
        labels,
        batch_size=config.batch_size,
        epochs=config.epochs,
        shuffle=True,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=after_batch, on_epoch_end=after_epoch)],
    )
    if stop():
        raise TrainingStopped(watch.history)
    hidden_kernel, hidden_bias, output_kernel, output_bias = watch.best_weights
    weights = HeadWeights(hidden_kernel, hidden_bias, output_kernel, output_bias, mean, scale)
    return Fit(weights, watch.history, watch.best_epoch)


class _Watch:
    """Keeps the history and the best weights, and says when patience is over."""

    def __init__(
        self,
        config: TrainingConfig,
        measure: Callable[[], tuple[tuple[float, float], tuple[float, float]]],
        on_epoch: Callable[[Epoch], None],
    ) -> None:
        self.config, self.measure, self.on_epoch = config, measure, on_epoch
        self.history: History = {key: [] for key in HISTORY_KEYS}
        self.best_epoch, self.best_loss = 0, math.inf
        self.best_weights: list[Float32] = []
        self.started = time.monotonic()

    def record(self, epoch: int, weights: list[Float32]) -> bool:
        (loss, f1), (val_loss, val_f1) = self.measure()
        if not (math.isfinite(loss) and math.isfinite(val_loss)):
            raise TrainingDiverged(
                f"The loss was no longer a number in epoch {epoch}: lower learning_rate "
                f"(now {self.config.learning_rate:g}) or set standardise."
            )
        seconds = time.monotonic() - self.started
        for key, value in zip(HISTORY_KEYS, (loss, val_loss, f1, val_f1, seconds), strict=True):
            self.history[key].append(value)
        if val_loss < self.best_loss:
            self.best_epoch, self.best_loss = epoch, val_loss
            self.best_weights = [array.copy() for array in weights]
        self.on_epoch(Epoch(epoch, self.config.epochs, loss, val_loss, f1, val_f1, seconds))
        return self.config.patience is not None and epoch - self.best_epoch >= self.config.patience


def _build(features: int, genres: int, config: TrainingConfig) -> Any:
    import keras

    layers = [keras.Input((features,)), keras.layers.Dense(config.hidden, activation="relu")]
    if config.dropout:
        layers.append(keras.layers.Dropout(config.dropout, seed=config.seed))
    return keras.Sequential([*layers, keras.layers.Dense(genres, activation="sigmoid")])


def _measure(
    model: Any, loss: Any, features: Float32, labels: Float32, threshold: float
) -> tuple[float, float]:
    scores = np.concatenate(
        [
            np.asarray(model(features[start : start + CURVE_ROWS], training=False))
            for start in range(0, len(features), CURVE_ROWS)
        ]
    )
    return float(loss(labels, scores)), float(macro_f1(labels, scores, threshold))


def _standard(features: Float32, wanted: bool) -> tuple[Float32, Float32]:
    width = features.shape[1]
    if not wanted:
        return np.zeros(width, dtype=np.float32), np.ones(width, dtype=np.float32)
    mean = features.mean(axis=0, dtype=np.float64)
    scale = features.std(axis=0, dtype=np.float64)
    # A number that never varies says nothing; leave it at zero instead of dividing by zero.
    scale[scale < 1e-6] = 1.0
    return mean.astype(np.float32), scale.astype(np.float32)
