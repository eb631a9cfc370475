"""The network while it learns: one step, the running mean of its weights, and its state as arrays.

TensorFlow is imported here, inside functions; what happens in a step depends on the state, the batch and the
step's number alone, so a training that was killed goes on from its last checkpoint as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .augmentation import mixed, random_views
from .network import DIMS, SIZE, build_network, depth_of
from .objective import NO_KIN, genre_loss, kinship_losses
from .plan import TrainingPlan

_TOGETHER = 64

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Indexes = npt.NDArray[np.int64]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Batch:
    """n posters of a step. images (n, 288, 192, 3) uint8; labels (n, genres) float32 of 0 and 1; targets: the
    same, softened; kin (n,) int32 from 0, equal for kin."""

    images: Bytes
    labels: Floats
    targets: Floats
    kin: npt.NDArray[np.int32]


class Learner:
    """A network, a genre head on its vector, their optimisers, and the memory of the contrastive loss."""

    def __init__(self, plan: TrainingPlan, genres: int) -> None:
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(plan.seed)
        self.plan = plan
        self.network = build_network(size=plan.size)
        # What others see by: the same weights, at the extractor's own size.
        self.eyes = self.network if plan.size == SIZE else build_network()
        self.head = keras.layers.Dense(genres, name="genres")
        self.head.build((None, DIMS))
        projection = self.network.get_layer("projection")
        backbone = [layer for layer in self.network.layers if layer is not projection]
        self._old: list[Any] = [variable for layer in backbone for variable in layer.trainable_variables]
        self._shares = [
            plan.share(depth_of(layer.name)) for layer in backbone for _ in layer.trainable_variables
        ]
        # Its bias would only move all vectors alike: it is left to the last touch (metric.py).
        kernel = [variable for variable in projection.trainable_variables if variable.name == "kernel"]
        self._new: list[Any] = [*kernel, *self.head.trainable_variables]
        self._optimisers = [
            # The backbone is drawn back to its beginning instead of to zero.
            keras.optimizers.AdamW(plan.learning_rate, weight_decay=0.0),
            keras.optimizers.AdamW(plan.head_rate, weight_decay=plan.weight_decay),
        ]
        for optimiser, variables in zip(self._optimisers, (self._old, self._new), strict=True):
            optimiser.build(variables)
        self._mean, self._first = (
            [tf.Variable(tf.convert_to_tensor(variable.value), trainable=False) for variable in variables]
            for variables in (self._old + self._new, self._old)
        )
        self._memory = (
            tf.Variable(tf.zeros((plan.memory, DIMS)), trainable=False),
            tf.Variable(tf.fill((plan.memory,), NO_KIN), trainable=False),
            tf.Variable(tf.zeros((plan.memory, genres)), trainable=False),
        )
        self._place = tf.Variable(0, trainable=False)
        self._graph = tf.function(self._one_step, autograph=False, reduce_retracing=True)

    def begin(self) -> None:
        """Take the present weights, set from outside, as those that the training begins with."""
        for mean, variable in zip(self._mean, self._old + self._new, strict=True):
            mean.assign(variable.value)
        for first, variable in zip(self._first, self._old, strict=True):
            first.assign(variable.value)

    def step(self, batch: Batch, number: int, rate: float) -> Floats:
        """Learn from one batch; gives its losses (genres, contrast, agreement), (3,) float32.

        number: the step's, from 0, which with the plan's seed decides views and dropout. rate: share of the
        peak learning rates.
        """
        import tensorflow as tf

        peaks = (self.plan.learning_rate, self.plan.head_rate)
        for optimiser, peak in zip(self._optimisers, peaks, strict=True):
            optimiser.learning_rate.assign(peak * rate)
        seed = tf.constant([self.plan.seed, number], dtype=tf.int32)
        pull = tf.constant(peaks[0] * rate * self.plan.anchor, dtype=tf.float32)
        given = (batch.images, batch.labels, batch.targets, batch.kin)
        losses = self._graph(*(tf.constant(array) for array in given), seed, pull)
        return np.asarray(losses, dtype=np.float32)

    def _one_step(self, images: Any, labels: Any, targets: Any, kin: Any, seed: Any, pull: Any) -> Any:
        import tensorflow as tf

        plan = self.plan
        for_views, for_mixing, for_dropout = tf.unstack(tf.random.split(seed, num=3))
        views = random_views(tf.cast(images, tf.float32), plan.size, for_views)
        if plan.mixing:
            views, targets = mixed(views, targets, plan.mixing, for_mixing)
        with tf.GradientTape() as tape:
            vectors = self.network(views, training=True)["vector"]
            seen = tf.nn.experimental.stateless_dropout(vectors, plan.dropout, for_dropout)
            genres = genre_loss(self.head(seen), targets, plan.smoothing)
            directions = tf.math.l2_normalize(vectors, axis=1)
            contrast, agreement = kinship_losses(directions, kin, labels, self._memory, plan.temperature)
            loss = genres + plan.contrastive * contrast + plan.agreement * agreement
        gradients = tape.gradient(loss, self._old + self._new)
        gradients, _ = tf.clip_by_global_norm(gradients, plan.clip)
        count = len(self._old)
        before = [tf.identity(variable.value) for variable in self._old]
        self._optimisers[0].apply(gradients[:count], self._old)
        for variable, old, first, share in zip(self._old, before, self._first, self._shares, strict=True):
            variable.assign(old + share * (variable.value - old) - pull * (old - first))
        self._optimisers[1].apply(gradients[count:], self._new)
        for mean, variable in zip(self._mean, self._old + self._new, strict=True):
            mean.assign_add((1 - plan.average) * (variable.value - mean))
        if plan.memory:
            self._remember(directions, kin, labels)
        return tf.stack([genres, contrast, agreement])

    def _remember(self, *new: Any) -> None:
        import tensorflow as tf

        count = tf.shape(new[0])[0]
        places = (tf.range(count) + self._place) % self.plan.memory
        for memory, values in zip(self._memory, new, strict=True):
            memory.scatter_nd_update(places[:, None], values)
        self._place.assign((self._place + count) % self.plan.memory)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the weights are their running means."""
        variables = self._old + self._new
        present = [variable.numpy() for variable in variables]
        for variable, mean in zip(variables, self._mean, strict=True):
            variable.assign(mean)
        try:
            yield
        finally:
            for variable, value in zip(variables, present, strict=True):
                variable.assign(value)

    def vectors(self, images: Bytes, rows: Indexes) -> Floats:
        """Vectors (m, 256) of the rows (m,) of images (n, 288, 192, 3) uint8, by the weights as they are."""
        return run(self.opened(), images, rows, "vector")

    def opened(self) -> Any:
        """The network for pictures of the extractor's size, with the weights as they are now."""
        if self.eyes is not self.network:
            self.eyes.set_weights(self.network.get_weights())
        return self.eyes

    def logits(self, vectors: Floats) -> Floats:
        """Genre logits (n, genres) of vectors (n, 256)."""
        kernel, bias = (variable.numpy() for variable in self.head.trainable_variables)
        return np.asarray(vectors @ kernel + bias, dtype=np.float32)

    def state(self) -> Arrays:
        """Everything that later steps depend on, and the weights, as arrays by name."""
        return {name: np.array(variable.numpy()) for name, variable in self._variables()}

    def restore(self, state: Arrays) -> None:
        """Take up a state. Raises ValueError or KeyError if it is not one of such a learner."""
        for name, variable in self._variables():
            if tuple(state[name].shape) != tuple(variable.shape):
                raise ValueError(f"{name} has shape {state[name].shape} and not {tuple(variable.shape)}")
        for name, variable in self._variables():
            variable.assign(state[name])

    def _variables(self) -> Iterator[tuple[str, Any]]:
        groups: dict[str, Any] = {
            "network": self.network.variables,
            "head": self.head.variables,
            "mean": self._mean,
            "first": self._first,
            "old": self._optimisers[0].variables,
            "new": self._optimisers[1].variables,
            "memory": self._memory,
            "place": [self._place],
        }
        for name, variables in groups.items():
            for number, variable in enumerate(variables):
                yield f"{name}-{number}", variable


def run(model: Any, images: Bytes, rows: Indexes, output: str = "") -> Floats:
    """Outputs of a Keras model, or the one called `output`, for the rows (m,) of images (n, ...) uint8."""
    import tensorflow as tf

    shown = tf.function(lambda batch: model(batch, training=False), autograph=False, reduce_retracing=True)
    parts = []
    for start in range(0, len(rows), _TOGETHER):
        found = shown(tf.constant(images[rows[start : start + _TOGETHER]].astype(np.float32)))
        parts.append((found[output] if output else found).numpy())
    return np.concatenate(parts)
