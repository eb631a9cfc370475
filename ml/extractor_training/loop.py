"""The training loop: steps, checkpoints, and validation after each epoch.

Checkpoints are written completely or not at all, so that a kill at any moment costs only a few steps.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.command_line import ProgressBar
from ml.files import UNREADABLE_ARRAYS, replacing, write_json

from . import validation
from .errors import TrainingError, TrainingInterrupted
from .learner import Learner
from .plan import TrainingPlan
from .training_data import Batch, TrainingData

CHECKPOINT, HISTORY = "checkpoint.npz", "history.json"
LOSSES = ("genres", "contrast", "agreement", "features")
TRAINING = "Training"
_FACTS = "facts"

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Callbacks:
    """bar: makes a progress bar of a description and a number of steps; log: takes a line for the user;
    should_stop: called after each step."""

    bar: ProgressBar
    log: Callable[[str], object]
    should_stop: Callable[[], bool]


@dataclass(frozen=True)
class Checkpoint:
    """steps: finished ones. key: digest of plan and data. history: learning curves so far. state: the
    learner's arrays."""

    steps: int
    key: str
    history: list[dict[str, Any]]
    state: Arrays


def train(
    data: TrainingData,
    plan: TrainingPlan,
    folder: Path,
    initialise: Callable[[Learner], None],
    callbacks: Callbacks,
) -> tuple[Learner, list[dict[str, Any]]]:
    """Train to the plan's end, from the checkpoint in `folder` if there is one; the learner and its history.

    initialise: sets the first weights of a new learner. The history (history.json) has one entry per epoch:
    step, epoch, seconds, mean losses, and the validation metrics of the running mean of the weights.

    Raises TrainingInterrupted, with a checkpoint of that step, when asked to stop; TrainingError if the loss
    is no longer a number, or a checkpoint can't be read or written.
    """
    found = load_checkpoint(folder, data.key)
    learner = Learner(plan, data.labels.shape[1], 0 if data.features is None else data.features.shape[1])
    if found is None:
        initialise(learner)
        learner.set_initial()
        found = Checkpoint(0, data.key, [], learner.state())
        save_checkpoint(folder, found)
    else:
        _restore(learner, found, folder)
        callbacks.log(f"Resuming after step {found.steps}.")
    history = list(found.history)
    steps_per_epoch, total = data.sampler.steps
    earlier = history[-1]["seconds"] if history else 0.0
    started = time.monotonic()
    losses: list[npt.NDArray[np.float32]] = []
    with callbacks.bar(TRAINING, total) as show, ThreadPoolExecutor(1) as prefetch:
        show(found.steps)
        upcoming: Future[Batch] = prefetch.submit(data.batch, found.steps)
        for step in range(found.steps, total):
            batch = upcoming.result()
            if step + 1 < total:
                upcoming = prefetch.submit(data.batch, step + 1)
            losses.append(learner.step(batch, step, plan.rate(step, total)))
            if not np.isfinite(losses[-1]).all():
                raise TrainingError(
                    f"The loss is no longer a number at step {step + 1}: the learning rates "
                    f"({plan.learning_rate:g}, {plan.head_rate:g}) are too high for these posters."
                )
            done = step + 1
            show(done)
            if done % steps_per_epoch == 0 or done == total:
                entry = _entry(done, steps_per_epoch, earlier + time.monotonic() - started, losses)
                entry["validation"] = _validate(learner, data)
                history.append(entry)
                losses = []
                write_json(folder / HISTORY, history)
                callbacks.log(_epoch_line(entry))
            stop = callbacks.should_stop()
            if stop or done == total or done % plan.save_every == 0:
                save_checkpoint(folder, Checkpoint(done, data.key, history, learner.state()))
            if stop:
                raise TrainingInterrupted(
                    f"Stopped after step {done} of {total}; --resume continues from there."
                )
    return learner, history


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in `folder`. Raises TrainingError if it can't be written."""
    facts = {"steps": checkpoint.steps, "key": checkpoint.key, "history": checkpoint.history}
    encoded = np.frombuffer(json.dumps(facts, allow_nan=False).encode(), dtype=np.uint8)
    try:
        with replacing(folder / CHECKPOINT) as file:
            np.savez(file, allow_pickle=False, **{_FACTS: encoded}, **checkpoint.state)
    except OSError as error:
        raise TrainingError(
            f"The checkpoint can't be written to {folder}: {error.strerror or error}. The previous one is "
            "still there: free some space and continue with --resume."
        ) from error


def load_checkpoint(folder: Path, key: str) -> Checkpoint | None:
    """Read the checkpoint in `folder`; None if there is none.

    Raises TrainingError if it is damaged, or if its key differs.
    """
    path = folder / CHECKPOINT
    # A process killed while writing leaves these.
    for draft in folder.glob(f".{CHECKPOINT}.*.part"):
        draft.unlink(missing_ok=True)
    try:
        with np.load(path, allow_pickle=False) as archive:
            state = {name: archive[name] for name in archive.files}
        facts = json.loads(state.pop(_FACTS).tobytes())
        found = Checkpoint(int(facts["steps"]), str(facts["key"]), list(facts["history"]), state)
    except FileNotFoundError:
        return None
    except (OSError, TypeError, *UNREADABLE_ARRAYS) as error:
        raise TrainingError(f"{path} is damaged ({error}): remove it to start again.") from error
    if found.key != key:
        raise TrainingError(
            f"{path} belongs to a run with other posters, labels or settings: use those, or name another "
            "folder with -o."
        )
    return found


def _restore(learner: Learner, checkpoint: Checkpoint, folder: Path) -> None:
    try:
        learner.restore(checkpoint.state)
    except (KeyError, ValueError) as error:
        raise TrainingError(
            f"{folder / CHECKPOINT} does not fit the network of this version ({error}): remove it to start "
            "again."
        ) from error


def _entry(
    done: int, steps_per_epoch: int, seconds: float, losses: list[npt.NDArray[np.float32]]
) -> dict[str, Any]:
    # In a resumed run, the first means are over the steps since then.
    means = np.stack(losses).mean(axis=0, dtype=np.float64).tolist()
    return {
        "step": done,
        "epoch": round(done / steps_per_epoch, 4),
        "seconds": round(seconds, 1),
        "losses": {name: round(value, 6) for name, value in zip(LOSSES, means, strict=True)},
    }


def _validate(learner: Learner, data: TrainingData) -> dict[str, Any] | None:
    if data.validation is None:
        return None
    with learner.averaged():
        vectors = learner.vectors(data.images, data.validation.rows)
        return validation.validation_metrics(vectors, learner.logits(vectors), data.validation)


def _epoch_line(entry: dict[str, Any]) -> str:
    losses = ", ".join(f"{name} {value:.3f}" for name, value in entry["losses"].items())
    metrics = f"; {validation.metrics_line(entry['validation'])}" if entry["validation"] else ""
    return f"Epoch {entry['epoch']:g}: losses {losses}{metrics}"
