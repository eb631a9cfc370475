"""The training itself: steps with checkpoints, and figures after each epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.files import write_json

from . import checkpoint, validation
from .batches import Order
from .errors import TrainingError, TrainingInterrupted
from .learner import Batch, Learner
from .plan import TrainingPlan
from .validation import Asked

HISTORY = "history.json"
LOSSES = ("genres", "contrast", "agreement")
TRAINING = "Training"

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]


@dataclass(frozen=True)
class Lesson:
    """What is learned from. images (n, 288, 192, 3) uint8; labels (n, genres) uint8 of the genres taught;
    groups (n,) int64 from 0, equal for kin; order: which rows when; asked: whom to measure on, None for
    nobody; key: digest of plan and data. taught (n, genres) float32: a teacher's scores, None without one."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    groups: npt.NDArray[np.int64]
    order: Order
    asked: Asked | None
    key: str
    taught: npt.NDArray[np.float32] | None = None

    def batch(self, step: int) -> Batch:
        """The posters of a step, with labels mixed with the teacher's scores as far as the plan says."""
        rows = self.order.batch(step)
        labels = self.labels[rows].astype(np.float32)
        targets = labels
        if self.taught is not None:
            targets = labels + np.float32(self.order.plan.distil) * (self.taught[rows] - labels)
        return Batch(self.images[rows], labels, targets, self.groups[rows].astype(np.int32))


@dataclass(frozen=True)
class Watch:
    """Who is told. bar: progress of something with so many steps; say: a line for a person; should_stop is
    asked after each step."""

    bar: Bar
    say: Callable[[str], object]
    should_stop: Callable[[], bool]


def learn(
    lesson: Lesson, plan: TrainingPlan, folder: Path, begin: Callable[[Learner], None], watch: Watch
) -> tuple[Learner, list[dict[str, Any]]]:
    """Train to the plan's end, from the checkpoint in `folder` if there is one; the learner and its history.

    begin: gives a fresh learner its first weights. The history (history.json) has one entry an epoch: step,
    epoch, seconds, mean losses, and the figures of the running mean of weights on the posters asked.

    Raises TrainingInterrupted when asked to stop, with a checkpoint of that very step; TrainingError if the loss is no
    number any more, or a checkpoint can't be written or taken up.
    """
    found = checkpoint.load(folder, lesson.key)
    learner = Learner(plan, lesson.labels.shape[1])
    if found is None:
        begin(learner)
        learner.begin()
        found = checkpoint.Checkpoint(0, lesson.key, [], learner.state())
        checkpoint.save(folder, found)
    else:
        _take_up(learner, found, folder)
        watch.say(f"Going on after step {found.steps}.")
    history = list(found.history)
    an_epoch, total = lesson.order.steps
    before = history[-1]["seconds"] if history else 0.0
    started = time.monotonic()
    losses: list[npt.NDArray[np.float32]] = []
    with watch.bar(TRAINING, total) as show, ThreadPoolExecutor(1) as ahead:
        show(found.steps)
        waiting: Future[Batch] = ahead.submit(lesson.batch, found.steps)
        for step in range(found.steps, total):
            batch = waiting.result()
            if step + 1 < total:
                waiting = ahead.submit(lesson.batch, step + 1)
            losses.append(learner.step(batch, step, plan.rate(step, total)))
            if not np.isfinite(losses[-1]).all():
                raise TrainingError(
                    f"The loss is no longer a number at step {step + 1}: the learning rates "
                    f"({plan.learning_rate:g}, {plan.head_rate:g}) are too high for these posters."
                )
            done = step + 1
            show(done)
            if done % an_epoch == 0 or done == total:
                told = _entry(done, an_epoch, before + time.monotonic() - started, losses)
                told["validation"] = _measured(learner, lesson)
                history.append(told)
                losses = []
                write_json(folder / HISTORY, history)
                watch.say(_line(told))
            stop = watch.should_stop()
            if stop or done == total or done % plan.save_every == 0:
                checkpoint.save(folder, checkpoint.Checkpoint(done, lesson.key, history, learner.state()))
            if stop:
                raise TrainingInterrupted(
                    f"Stopped after step {done} of {total}; --resume goes on from there."
                )
    return learner, history


def _take_up(learner: Learner, found: checkpoint.Checkpoint, folder: Path) -> None:
    try:
        learner.restore(found.state)
    except (KeyError, ValueError) as error:
        raise TrainingError(
            f"{folder / checkpoint.CHECKPOINT} does not fit this version's network ({error}): remove it to "
            "begin anew."
        ) from error


def _entry(done: int, an_epoch: int, seconds: float, losses: list[npt.NDArray[np.float32]]) -> dict[str, Any]:
    # After a resumption the means are over the steps since.
    means = np.stack(losses).mean(axis=0, dtype=np.float64).tolist()
    return {
        "step": done,
        "epoch": round(done / an_epoch, 4),
        "seconds": round(seconds, 1),
        "losses": {name: round(value, 6) for name, value in zip(LOSSES, means, strict=True)},
    }


def _measured(learner: Learner, lesson: Lesson) -> dict[str, Any] | None:
    if lesson.asked is None:
        return None
    with learner.averaged():
        vectors = learner.vectors(lesson.images, lesson.asked.rows)
        return validation.figures(vectors, learner.logits(vectors), lesson.asked)


def _line(told: dict[str, Any]) -> str:
    losses = ", ".join(f"{name} {value:.3f}" for name, value in told["losses"].items())
    shown = f"; {validation.sentence(told['validation'])}" if told["validation"] else ""
    return f"Epoch {told['epoch']:g}: losses {losses}{shown}"
