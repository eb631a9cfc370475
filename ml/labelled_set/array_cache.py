"""Arrays computed from a list of posters, cached on disk: written whole, computed again if unreadable."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.files import UNREADABLE_ARRAYS, replacing
from ml.labelled_set.listing import LabelledPoster, LabelledSetError

Arrays = dict[str, npt.NDArray[Any]]

logger = logging.getLogger(__name__)


def listing_digest(posters: Sequence[LabelledPoster], *facts: str) -> str:
    """A name for these files in this order and state: SHA-256 over `facts`, paths, sizes and times."""
    digest = hashlib.sha256("\n".join(facts).encode())
    for poster in posters:
        try:
            stat = poster.path.stat()
            state = f"{stat.st_size} {stat.st_mtime_ns}"
        except OSError:
            state = "gone"
        digest.update(f"\n{os.path.abspath(poster.path)} {state}".encode(errors="surrogateescape"))
    return digest.hexdigest()


def cached(path: Path, shapes: Mapping[str, tuple[int, ...] | None], compute: Callable[[], Arrays]) -> Arrays:
    """The arrays stored at `path`; computed and stored if the file is absent, damaged or of other shapes.

    shapes: the names of the arrays and the shape each must have (None: any).

    Raises LabelledSetError if the file can't be written.
    """
    arrays = _load(path, shapes)
    if arrays is None:
        arrays = compute()
        _save(path, arrays)
    return arrays


def pack_failures(failures: Mapping[int, str]) -> Arrays:
    """Reasons by row as arrays; see `unpack_failures`."""
    return {
        "bad": np.array(list(failures), dtype=np.int64),
        "reasons": np.array(list(failures.values()), dtype=np.str_),
    }


def unpack_failures(arrays: Arrays) -> dict[int, str]:
    """Reasons by row, as `pack_failures` stored them."""
    return dict(zip(arrays["bad"].tolist(), arrays["reasons"].tolist(), strict=True))


def _load(path: Path, shapes: Mapping[str, tuple[int, ...] | None]) -> Arrays | None:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in shapes}
    except FileNotFoundError:
        return None
    except (OSError, *UNREADABLE_ARRAYS) as error:
        logger.warning("%s cannot be used (%s) and will be computed again", path, error)
        return None
    fits = all(shape in (None, arrays[name].shape) for name, shape in shapes.items())
    return arrays if fits else None


def _save(path: Path, arrays: Arrays) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise LabelledSetError(
            f"The cache folder {path.parent} can't be written: {error.strerror}. Name another with --cache."
        ) from error
