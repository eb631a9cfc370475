"""A training's state on disk, written whole or not at all, so that a kill at any moment costs a few steps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.files import UNREADABLE_ARRAYS, replacing

from .errors import TrainingError

CHECKPOINT = "checkpoint.npz"
_FACTS = "facts"

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """steps: how many are done. key: digest of plan and data, those of another are not taken up. history: the
    learning curves so far. state: the learner's arrays."""

    steps: int
    key: str
    history: list[dict[str, Any]]
    state: Arrays


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Put the checkpoint into `folder` in place of the one before. Raises TrainingError if that fails."""
    facts = {"steps": checkpoint.steps, "key": checkpoint.key, "history": checkpoint.history}
    told = np.frombuffer(json.dumps(facts, allow_nan=False).encode(), dtype=np.uint8)
    try:
        with replacing(folder / CHECKPOINT) as file:
            np.savez(file, allow_pickle=False, **{_FACTS: told}, **checkpoint.state)
    except OSError as error:
        raise TrainingError(
            f"The checkpoint can't be written to {folder}: {error.strerror or error}. The one before is "
            "kept: make room and go on with --resume."
        ) from error


def load(folder: Path, key: str) -> Checkpoint | None:
    """The checkpoint in `folder`, or None if there is none.

    Raises TrainingError if it is damaged, or of other settings or other posters than `key` names.
    """
    path = folder / CHECKPOINT
    # What a kill in the middle of writing left behind.
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
        raise TrainingError(f"{path} is damaged ({error}): remove it to begin anew.") from error
    if found.key != key:
        raise TrainingError(
            f"{path} is of a training with other posters, labels or settings than these: go on with what it "
            "was begun with, or name another folder with -o."
        )
    return found
