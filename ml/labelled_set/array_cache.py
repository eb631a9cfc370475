"""Arrays kept on disk between two evaluations: written whole, and computed again when they can't be read."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.errors import EvaluationError
from ml.files import UNREADABLE_ARRAYS, replacing
from ml.labelled_set.listing import LabelledPoster

Arrays = dict[str, npt.NDArray[Any]]

logger = logging.getLogger(__name__)


def listing_digest(posters: Sequence[LabelledPoster], *facts: str) -> str:
    """A name for these files in this order as they are now: SHA-256 over `facts`, paths, sizes and times."""
    digest = hashlib.sha256("\n".join(facts).encode())
    for poster in posters:
        try:
            told = poster.path.stat()
            seen = f"{told.st_size} {told.st_mtime_ns}"
        except OSError:
            seen = "gone"
        digest.update(f"\n{os.path.abspath(poster.path)} {seen}".encode(errors="surrogateescape"))
    return digest.hexdigest()


def load(path: Path, rows: int, names: Sequence[str]) -> Arrays | None:
    """The arrays `names` of the file, or None if it is absent, damaged or not about `rows` posters.

    The first of `names` must have one entry a poster.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in names}
    except FileNotFoundError:
        return None
    except (OSError, *UNREADABLE_ARRAYS) as error:
        logger.warning("%s cannot be used (%s); it will be made again", path, error)
        return None
    return arrays if len(arrays[names[0]]) == rows else None


def save(path: Path, arrays: Arrays) -> None:
    """Put the arrays at `path`, whole or not at all. Raises EvaluationError if it can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise EvaluationError(
            f"The cache folder {path.parent} can't be written: {error.strerror}. Name another with --cache."
        ) from error
