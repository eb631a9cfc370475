"""Train a dense head with Keras, by the published soft-F1 recipe or with cross-entropy.

Ashref Maiza, "The unknown benefits of using a soft-F1 loss in classification systems", 2019. TensorFlow is
imported inside functions, and in no other module of this package.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.errors import TrainingDiverged, TrainingStopped
from ml.genres.head import DenseWeights
from ml.genres.recipes import TrainingConfig
from ml.genres.thresholds import RECIPE_THRESHOLD

Float32 = npt.NDArray[np.float32]
History = dict[str, list[float]]

HISTORY_KEYS = ("loss", "val_loss", "macro_f1", "val_macro_f1", "seconds")

# Training rows on which the learning curve is measured after each epoch.
CURVE_ROWS = 8192

# As published: a genre that nobody has and nobody predicts scores 0 instead of 0/0.
EPSILON = 1e-16


@dataclass(frozen=True)
class Epoch:
    """One point of the learning curves: loss and macro F1 after an epoch, without dropout."""

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

    weights: DenseWeights
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

    train, validation: features (n, d) float32 and labels (n, genres) uint8. should_stop is called after every
    batch. The curves are measured on whole sets: a soft F1 averaged over batches depends on their size, and a
    genre missing from a batch counts as a failure.

    Raises TrainingStopped when asked to stop, TrainingDiverged if the loss becomes NaN or infinite.
    """
    import keras

    stop = should_stop or (lambda: False)
    if stop():
        raise TrainingStopped({key: [] for key in HISTORY_KEYS})
    keras.utils.set_random_seed(config.seed)
    mean, scale = _standard(train[0], config.standardise)
    features, labels = (train[0] - mean) / scale, train[1].astype(np.float32)
    validation_features, validation_labels = (validation[0] - mean) / scale, validation[1].astype(np.float32)

    model = _build(features.shape[1], labels.shape[1], config)
    loss = macro_soft_f1 if config.loss == "macro_soft_f1" else keras.losses.BinaryCrossentropy()
    model.compile(optimizer=keras.optimizers.Adam(config.learning_rate), loss=loss)

    curve_rows = np.sort(np.random.default_rng(config.seed).permutation(len(features))[:CURVE_ROWS])
    recorder = _History(
        config,
        lambda: (
            _measure(model, loss, features[curve_rows], labels[curve_rows], config.threshold),
            _measure(model, loss, validation_features, validation_labels, config.threshold),
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
        model.stop_training = recorder.record(epoch + 1, model.get_weights())

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
        raise TrainingStopped(recorder.history)
    hidden_kernel, hidden_bias, output_kernel, output_bias = recorder.best_weights
    weights = DenseWeights(hidden_kernel, hidden_bias, output_kernel, output_bias, mean, scale)
    return Fit(weights, recorder.history, recorder.best_epoch)


def macro_soft_f1(y_true: Any, y_pred: Any) -> Any:
    """One minus the macro soft F1: F1 with probabilities in place of decisions.

    y_true: (batch, genres) 0 or 1. y_pred: (batch, genres) probabilities. Returns a float32 scalar tensor.
    A genre without a positive in the batch costs 1 whatever is predicted, so batches should be large.
    """
    import tensorflow as tf

    truth = tf.cast(y_true, tf.float32)
    score = tf.cast(y_pred, tf.float32)
    hits = tf.reduce_sum(score * truth, axis=0)
    false_alarms = tf.reduce_sum(score * (1 - truth), axis=0)
    misses = tf.reduce_sum((1 - score) * truth, axis=0)
    soft_f1 = 2 * hits / (2 * hits + misses + false_alarms + EPSILON)
    return tf.reduce_mean(1 - soft_f1)


def macro_f1(y_true: Any, y_pred: Any, threshold: float = RECIPE_THRESHOLD) -> Any:
    """Macro F1 of the decisions `y_pred > threshold`: the published metric, on tensors.

    y_true: (batch, genres) 0 or 1. y_pred: (batch, genres) probabilities. Returns a float32 scalar tensor.
    Means of this over batches are not the macro F1 of the whole: call it on all rows at once.
    """
    import tensorflow as tf

    truth = tf.cast(y_true, tf.float32)
    chosen = tf.cast(tf.greater(tf.cast(y_pred, tf.float32), threshold), tf.float32)
    hits = tf.reduce_sum(chosen * truth, axis=0)
    false_alarms = tf.reduce_sum(chosen * (1 - truth), axis=0)
    misses = tf.reduce_sum((1 - chosen) * truth, axis=0)
    return tf.reduce_mean(2 * hits / (2 * hits + misses + false_alarms + EPSILON))


class _History:
    """Records the history and the best weights, and decides when to stop early."""

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
                f"The loss is no longer a number in epoch {epoch}: lower learning_rate "
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
    # Constant features become 0 instead of a division by zero.
    scale[scale < 1e-6] = 1.0
    return mean.astype(np.float32), scale.astype(np.float32)
