"""A finished network's weights as plain arrays: what a training leaves, and what can be shipped again."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from ml.eyes.errors import EyesError
from ml.genres.atomic_files import write_bytes
from ml.genres.training_set import UNREADABLE

TRAINED = "trained.npz"
KERNEL, BIAS = "hw", "hb"


def save_arrays(path: Path, network: Any, kernel: Any, bias: Any) -> None:
    """Write a0, a1, ... in the order of `network.get_weights()`, and the genre head as hw and hb."""
    content = io.BytesIO()
    arrays = {f"a{number}": array for number, array in enumerate(network.get_weights())}
    np.savez(content, allow_pickle=False, **arrays, **{KERNEL: kernel, BIAS: bias})
    write_bytes(path, content.getvalue())


def load_arrays(path: Path, network: Any) -> None:
    """Fill a network of `build_network` from such a file; hw and hb, if there, are left alone.

    Raises EyesError if the file can't be read, or its arrays are not those of this network.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name not in (KERNEL, BIAS)}
    except (OSError, TypeError, AttributeError, *UNREADABLE) as error:
        raise EyesError(f"{path} can't be read as a trained network: {error}.") from error
    wanted = network.get_weights()
    if set(arrays) != {f"a{number}" for number in range(len(wanted))}:
        raise EyesError(
            f"{path} holds {len(arrays)} arrays and not a0 to a{len(wanted) - 1}, this network's weights."
        )
    found = [arrays[f"a{number}"] for number in range(len(wanted))]
    for number, (array, expected) in enumerate(zip(found, wanted, strict=True)):
        if array.shape != expected.shape or array.dtype.kind != "f":
            raise EyesError(
                f"a{number} in {path} is {array.dtype} of shape {array.shape}, and this network has "
                f"numbers of shape {expected.shape} there."
            )
        if not np.isfinite(array).all():
            raise EyesError(f"a{number} in {path} holds numbers that are not finite.")
    network.set_weights([array.astype(np.float32) for array in found])
