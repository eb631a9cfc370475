"""The network during training: one step, the running mean of its weights, and its state as arrays.

TensorFlow is imported inside functions. A step depends on the state, the batch and the step's number only, so
a killed run gives the same result when it is resumed from its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from .augmentation import mixup, random_views
from .losses import NO_GROUP, contrastive_losses, feature_loss, genre_loss
from .network import DIMS, SIZE, build_network, relative_depth, run_network
from .plan import TrainingPlan
from .training_data import Batch

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Indexes = npt.NDArray[np.int64]
Arrays = dict[str, npt.NDArray[Any]]


class Learner:
    """A network, linear heads on its vectors, their optimisers, and the memory of the contrastive loss.

    head: predicts genres. features: predicts ImageNet's features; None if there are none to keep.
    """

    def __init__(self, plan: TrainingPlan, genres: int, features: int = 0) -> None:
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(plan.seed)
        self.plan = plan
        self.network = build_network(plan.backbone, plan.size)
        # The same weights at the extractor's size.
        self._full_size = self.network if plan.size == SIZE else build_network(plan.backbone)
        self.head = keras.layers.Dense(genres, name="genres")
        self.head.build((None, DIMS))
        self.features = keras.layers.Dense(features, name="features") if features else None
        if self.features is not None:
            self.features.build((None, DIMS))
        projection = self.network.get_layer("projection")
        backbone = [layer for layer in self.network.layers if layer is not projection]
        self._backbone: list[Any] = [variable for layer in backbone for variable in layer.trainable_variables]
        self._shares = [
            plan.share(relative_depth(layer.name, plan.backbone))
            for layer in backbone
            for _ in layer.trainable_variables
        ]
        # Its bias would only shift all vectors alike; the final transform sets it.
        kernel = [variable for variable in projection.trainable_variables if variable.name == "kernel"]
        self._top: list[Any] = [*kernel, *self.head.trainable_variables]
        if self.features is not None:
            self._top += self.features.trainable_variables
        self._optimisers = [
            # The backbone decays towards its initial weights instead of towards zero (see plan.anchor).
            keras.optimizers.AdamW(plan.learning_rate, weight_decay=0.0),
            keras.optimizers.AdamW(plan.head_rate, weight_decay=plan.weight_decay),
        ]
        for optimiser, variables in zip(self._optimisers, (self._backbone, self._top), strict=True):
            optimiser.build(variables)
        self._mean, self._initial = (
            [tf.Variable(tf.convert_to_tensor(variable.value), trainable=False) for variable in variables]
            for variables in (self._backbone + self._top, self._backbone)
        )
        self._memory = (
            tf.Variable(tf.zeros((plan.memory, DIMS)), trainable=False),
            tf.Variable(tf.fill((plan.memory,), NO_GROUP), trainable=False),
            tf.Variable(tf.zeros((plan.memory, genres)), trainable=False),
        )
        self._place = tf.Variable(0, trainable=False)
        self._graph = tf.function(self._one_step, autograph=False, reduce_retracing=True)

    def set_initial(self) -> None:
        """Take the current weights as the initial ones."""
        for mean, variable in zip(self._mean, self._backbone + self._top, strict=True):
            mean.assign(variable.value)
        for initial, variable in zip(self._initial, self._backbone, strict=True):
            initial.assign(variable.value)

    def step(self, batch: Batch, number: int, rate: float) -> Floats:
        """Train on one batch and return its losses (genres, contrast, agreement, features), (4,) float32.

        number: of the step, from 0; with the plan's seed it decides views and dropout. rate: share of the
        peak learning rates.
        """
        import tensorflow as tf

        peaks = (self.plan.learning_rate, self.plan.head_rate)
        for optimiser, peak in zip(self._optimisers, peaks, strict=True):
            optimiser.learning_rate.assign(peak * rate)
        seed = tf.constant([self.plan.seed, number], dtype=tf.int32)
        pull = tf.constant(peaks[0] * rate * self.plan.anchor, dtype=tf.float32)
        arrays = (batch.images, batch.labels, batch.targets, batch.features, batch.groups)
        losses = self._graph(*(tf.constant(array) for array in arrays), seed, pull)
        return np.asarray(losses, dtype=np.float32)

    def _one_step(
        self, images: Any, labels: Any, targets: Any, kept: Any, groups: Any, seed: Any, pull: Any
    ) -> Any:
        import tensorflow as tf

        plan = self.plan
        for_views, for_mixing, for_dropout = tf.unstack(tf.random.split(seed, num=3))
        views = random_views(tf.cast(images, tf.float32), plan.size, for_views)
        if plan.mixing:
            both = tf.concat([targets, kept], axis=1)
            views, both = mixup(views, both, plan.mixing, for_mixing)
            targets, kept = tf.split(both, [targets.shape[1], kept.shape[1]], axis=1)
        with tf.GradientTape() as tape:
            vectors = self.network(views, training=True)["vector"]
            dropped = tf.nn.experimental.stateless_dropout(vectors, plan.dropout, for_dropout)
            genres = genre_loss(self.head(dropped), targets, plan.smoothing)
            directions = tf.math.l2_normalize(vectors, axis=1)
            contrast, agreement = contrastive_losses(
                directions, groups, labels, self._memory, plan.temperature
            )
            loss = genres + plan.contrastive * contrast + plan.agreement * agreement
            missed = tf.constant(0.0)
            if self.features is not None:
                missed = feature_loss(self.features(vectors), kept)
                loss += plan.keep * missed
        gradients = tape.gradient(loss, self._backbone + self._top)
        gradients, _ = tf.clip_by_global_norm(gradients, plan.clip)
        count = len(self._backbone)
        before = [tf.identity(variable.value) for variable in self._backbone]
        self._optimisers[0].apply(gradients[:count], self._backbone)
        for variable, old, initial, share in zip(
            self._backbone, before, self._initial, self._shares, strict=True
        ):
            variable.assign(old + share * (variable.value - old) - pull * (old - initial))
        self._optimisers[1].apply(gradients[count:], self._top)
        for mean, variable in zip(self._mean, self._backbone + self._top, strict=True):
            mean.assign_add((1 - plan.average) * (variable.value - mean))
        if plan.memory:
            self._remember(directions, groups, labels)
        return tf.stack([genres, contrast, agreement, missed])

    def _remember(self, *new: Any) -> None:
        import tensorflow as tf

        count = tf.shape(new[0])[0]
        places = (tf.range(count) + self._place) % self.plan.memory
        for memory, values in zip(self._memory, new, strict=True):
            memory.scatter_nd_update(places[:, None], values)
        self._place.assign((self._place + count) % self.plan.memory)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Use the running means of the weights inside."""
        variables = self._backbone + self._top
        present = [variable.numpy() for variable in variables]
        for variable, mean in zip(variables, self._mean, strict=True):
            variable.assign(mean)
        try:
            yield
        finally:
            for variable, value in zip(variables, present, strict=True):
                variable.assign(value)

    def vectors(self, images: Bytes, rows: Indexes) -> Floats:
        """Vectors (m, 256) of the rows (m,) of images (n, 288, 192, 3) uint8, with the current weights."""
        if self._full_size is not self.network:
            self._full_size.set_weights(self.network.get_weights())
        return run_network(self._full_size, images, rows, "vector")

    def logits(self, vectors: Floats) -> Floats:
        """Genre logits (n, genres) of vectors (n, 256)."""
        kernel, bias = (variable.numpy() for variable in self.head.trainable_variables)
        return np.asarray(vectors @ kernel + bias, dtype=np.float32)

    def state(self) -> Arrays:
        """The weights, and everything else that later steps depend on, as arrays by name."""
        return {name: np.array(variable.numpy()) for name, variable in self._variables()}

    def restore(self, state: Arrays) -> None:
        """Load a state. Raises ValueError or KeyError if it does not fit."""
        for name, variable in self._variables():
            if tuple(state[name].shape) != tuple(variable.shape):
                raise ValueError(f"{name} has shape {state[name].shape} and not {tuple(variable.shape)}")
        for name, variable in self._variables():
            variable.assign(state[name])

    def _variables(self) -> Iterator[tuple[str, Any]]:
        groups: dict[str, Any] = {
            "network": self.network.variables,
            "head": self.head.variables,
            "features": [] if self.features is None else self.features.variables,
            "mean": self._mean,
            "first": self._initial,
            "old": self._optimisers[0].variables,
            "new": self._optimisers[1].variables,
            "memory": self._memory,
            "place": [self._place],
        }
        for name, variables in groups.items():
            for number, variable in enumerate(variables):
                yield f"{name}-{number}", variable
