"""A network from its first weights to its last: beginning, teacher, training."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.extractors.weights import WeightsFile
from ml.files import UNREADABLE_ARRAYS, write_bytes

from .arrays import TRAINED, Head, load_arrays, save_arrays
from .errors import TrainingError
from .initial_weights import first_head, first_projection
from .learner import Learner, run
from .loop import Lesson, Watch, learn
from .network import DIMS, build_network, start_at_random, start_from_imagenet
from .plan import TrainingPlan
from .teacher import teacher_scores

TEACHER = "teacher.npz"
# Posters by which random weights are scaled.
_FOR_STATISTICS = 32

Floats = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Beginning:
    """A network's first weights, and what its depths see of the posters learned from, pooled (n, 2048)."""

    weights: list[Floats]
    depths: Floats


def learned_network(
    network: Any,
    lesson: Lesson,
    rows: Indexes,
    first: WeightsFile | None,
    work: Path,
    watch: Watch,
    earlier: Sequence[Path] = (),
) -> tuple[Head, list[dict[str, Any]]]:
    """Fill `network` by a training on the `rows` of a lesson; the genre head beside it, and the history.

    first: ImageNet weights to begin with, None for random ones; what a teacher tells rests on them. earlier:
    trained networks whose mean the training begins with instead. The result is also left in the folder `work`
    as arrays (trained.npz), still without the last touch. Raises as `loop.learn`, and TrainingError for unfit
    weights.
    """
    plan = lesson.order.plan

    @cache
    def beginning() -> _Beginning:
        watch.say("Looking at the posters with the first weights ...")
        return _beginning(plan, first, lesson.images, rows)

    if plan.distil:
        lesson = replace(lesson, taught=_taught_by(work / TEACHER, lesson, rows, lambda: beginning().depths))
    learner, history = learn(
        lesson, plan, work, lambda fresh: _begin(fresh, lesson, rows, beginning, earlier), watch
    )
    with learner.averaged():
        network.set_weights(learner.network.get_weights())
        kernel, bias = learner.head.get_weights()
    head = Head(kernel, bias, untouched=True)
    save_arrays(work / TRAINED, network, head)
    return head, history


def _beginning(
    plan: TrainingPlan, first: WeightsFile | None, images: npt.NDArray[np.uint8], rows: Indexes
) -> _Beginning:
    import keras

    network = build_network()
    if first is None:
        start_at_random(network, images[rows[:_FOR_STATISTICS]].astype(np.float32), plan.seed)
    else:
        start_from_imagenet(network, first.path, with_top=first.kind == "with_top")
    pooled = keras.layers.GlobalAveragePooling2D()(network.get_layer("depths").output)
    return _Beginning(network.get_weights(), run(keras.Model(network.input, pooled), images, rows))


def _taught_by(
    kept: Path,
    lesson: Lesson,
    rows: Indexes,
    depths: Callable[[], Floats],
) -> Floats:
    """The teacher's scores for all posters (those not learned from keep zeros), kept between resumptions."""
    digest = np.frombuffer(bytes.fromhex(lesson.key), dtype=np.uint8)
    try:
        with np.load(kept, allow_pickle=False) as archive:
            if np.array_equal(archive["key"], digest):
                return np.asarray(archive["scores"], dtype=np.float32)
    except (OSError, *UNREADABLE_ARRAYS):
        pass  # none yet, or one that a kill cut short
    scores = np.zeros(lesson.labels.shape, dtype=np.float32)
    scores[rows] = teacher_scores(depths(), lesson.labels[rows], lesson.groups[rows])
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, key=digest, scores=scores)
    write_bytes(kept, content.getvalue())
    return scores


def _begin(
    learner: Learner,
    lesson: Lesson,
    rows: Indexes,
    beginning: Callable[[], _Beginning],
    earlier: Sequence[Path],
) -> None:
    if earlier:
        head = load_arrays(earlier, learner.network)
        if not head.untouched or head.kernel.shape[1] != lesson.labels.shape[1]:
            raise TrainingError(
                "Only networks as a training leaves them (trained.npz), taught as many genres as this one, "
                "can be gone on from."
            )
        learner.head.set_weights([head.kernel, head.bias])
        return
    start = beginning()
    learner.network.set_weights(start.weights)
    projection = first_projection(start.depths, DIMS)
    learner.network.get_layer("projection").set_weights([projection[None, None], np.zeros(DIMS)])
    learner.head.set_weights(list(first_head(start.depths @ projection, lesson.labels[rows])))
