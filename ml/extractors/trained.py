"""A trained extractor's file, the one that comes along or a site's own: opened, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .export_cache import ExtractorFailed
from .litert import LiteRTModel

MAX_BYTES = 64 * 2**20
MAX_DIMS = 1024
MAX_SIDE = 64
"""Most places a map may have along one side."""

AGREEMENT = 1e-3
"""Largest difference between a vector and the mean of its map, relative to the largest number above 1."""


def open_trained(path: Path, size: tuple[int, int], *, threads: int, batch_size: int) -> LiteRTModel:
    """The model in a .tflite file that a training of the extractor wrote, ready to run.

    It must take pictures (n, height, width, 3) of `size` and give vectors (n, d), d at most 1024, and maps
    (n, rows, columns, d) whose mean over all places is the vector, for any n; one picture is run to see.

    Raises:
        ExtractorFailed: the file is none of that; the text says what is wrong with it and what to do.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
        model = LiteRTModel(path, threads=threads, batch_size=batch_size)
        _check_shapes(model, size)
        _check_numbers(model)
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        reason = " ".join(str(error).replace(str(path), "it").split())[:200].strip(" .") or "it is damaged"
        raise ExtractorFailed(
            f"{path} is not a trained extractor ({reason}): train it again with `manage.py train_extractor`, "
            "or restore the file."
        ) from error
    return model


def _check_shapes(model: LiteRTModel, size: tuple[int, int]) -> None:
    if model.picture != (*size, 3):
        raise ValueError(f"it takes pictures of shape {model.picture} and not {(*size, 3)}")
    if model.map is None:
        raise ValueError("it gives no map beside the vector")
    dims, sides = model.vector[-1], model.map[:2]
    if model.map[2] != dims or not 0 < dims <= MAX_DIMS or not all(0 < side <= MAX_SIDE for side in sides):
        raise ValueError(f"it gives vectors of shape {model.vector} and maps of shape {model.map}")


def _check_numbers(model: LiteRTModel) -> None:
    ramp = np.linspace(0, 255, model.picture[0] * model.picture[1] * 3, dtype=np.float32)
    vectors, maps = model.with_map(ramp.reshape(1, *model.picture))
    if not (np.isfinite(vectors).all() and np.isfinite(maps).all()):
        raise ValueError("it gives numbers that are not finite")
    scale = max(1.0, float(np.abs(vectors).max()))
    apart = float(np.abs(maps.mean(axis=(1, 2)) - vectors).max())
    if apart > AGREEMENT * scale:
        raise ValueError(f"its vectors differ by {apart:.2g} from the mean of its maps")
