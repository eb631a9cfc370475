"""A trained network's weights as plain arrays: what a training leaves, and what can be shipped again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.files import UNREADABLE_ARRAYS, write_bytes

from .errors import TrainingError

TRAINED = "trained.npz"
KERNEL, BIAS, UNTOUCHED = "hw", "hb", "untouched"

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Head:
    """The genre head beside a network: kernel (dims, genres), bias (genres,). untouched: the network still
    wants the last touch (metric.py)."""

    kernel: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    untouched: bool


def save_arrays(path: Path, network: Any, head: Head) -> None:
    """Write a0, a1, ... in the order of `network.get_weights()`, and the genre head as hw and hb."""
    content = io.BytesIO()
    arrays: Arrays = {f"a{number}": array for number, array in enumerate(network.get_weights())}
    arrays |= {KERNEL: head.kernel, BIAS: head.bias, UNTOUCHED: np.array(head.untouched)}
    np.savez(content, allow_pickle=False, **arrays)
    write_bytes(path, content.getvalue())


def load_arrays(paths: Sequence[Path], network: Any) -> Head:
    """Fill a network of `build_network` from such files, with the mean of several; gives the head's mean.

    Runs that began alike and differ in their settings are better averaged than alone, at no cost (Wortsman et
    al., "Model soups", 2022). A file that does not say that it is untouched is taken to be finished.

    Raises TrainingError if a file can't be read, if its arrays are not those of this network, or if finished and
    unfinished ones are mixed.
    """
    wanted = [array.shape for array in network.get_weights()]
    files = [_read(path, wanted) for path in paths]
    kinds = {bool(file.get(UNTOUCHED, False)) for file in files}
    if len(kinds) > 1:
        raise TrainingError(
            "Finished networks and unfinished ones can't be averaged: name files of one kind."
        )
    shapes = {(file[KERNEL].shape, file[BIAS].shape) for file in files}
    if len(shapes) > 1:
        raise TrainingError("These networks were taught different numbers of genres: they can't be averaged.")

    def mean(name: str) -> npt.NDArray[np.float32]:
        return np.asarray(np.mean([file[name] for file in files], axis=0, dtype=np.float64), dtype=np.float32)

    network.set_weights([mean(f"a{number}") for number in range(len(wanted))])
    return Head(mean(KERNEL), mean(BIAS), kinds.pop())


def _read(path: Path, wanted: Sequence[tuple[int, ...]]) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, TypeError, AttributeError, *UNREADABLE_ARRAYS) as error:
        raise TrainingError(f"{path} can't be read as a trained network: {error}.") from error
    shapes = {f"a{number}": shape for number, shape in enumerate(wanted)}
    if set(arrays) - {UNTOUCHED} != {*shapes, KERNEL, BIAS}:
        raise TrainingError(
            f"{path} does not hold {KERNEL}, {BIAS} and a0 to a{len(wanted) - 1} as this network has."
        )
    for name, array in arrays.items():
        if name == UNTOUCHED:
            continue
        if array.dtype.kind != "f" or array.shape != shapes.get(name, array.shape):
            raise TrainingError(
                f"{name} in {path} is {array.dtype} of shape {array.shape}, and this network has numbers of "
                f"shape {shapes.get(name, '(dims, genres)')} there."
            )
        if not np.isfinite(array).all():
            raise TrainingError(f"{name} in {path} holds numbers that are not finite.")
    return arrays
