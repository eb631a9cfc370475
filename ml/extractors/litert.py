"""LiteRT models: inference in batches, and the checks of trained extractor files."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import ExtractorFailed

MAX_BYTES = 64 * 2**20
MAX_DIMS = 1024
MAX_SIDE = 64
"""Maximum number of places of a map along one side."""

AGREEMENT = 1e-3
"""Largest allowed difference between a vector and the mean of its map, relative to max(1, largest number)."""

Floats = npt.NDArray[np.float32]


class LiteRTModel:
    """Runs a LiteRT file; inputs and outputs are float32.

    The input is an image. The outputs are a vector and, for a trained extractor, the map whose spatial mean
    is the vector; their ranks differ.

    Attributes:
        image: declared shape of one image, such as (288, 192, 3).
        vector: declared shape of one vector, such as (256,); -1 if undeclared.
        map: declared shape of one map, such as (9, 6, 256), or None without a map.

    Args:
        path: the .tflite file; memory-mapped, so processes share its pages.
        threads: CPU threads of the interpreter.
        batch_size: maximum number of images per inference.

    Raises:
        ValueError: the file is no LiteRT model, or has other inputs or outputs.
    """

    def __init__(self, path: Path, *, threads: int, batch_size: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) not in (1, 2):
            raise ValueError(f"{path} does not have one input and one or two outputs.")
        if any(each["dtype"] is not np.float32 for each in (*inputs, *outputs)):
            raise ValueError(f"{path} has inputs or outputs that are not float32.")
        if inputs[0]["shape_signature"][0] != -1:
            raise ValueError(f"{path} has a fixed batch size.")
        by_rank = sorted(outputs, key=lambda output: len(output["shape_signature"]))
        if len(outputs) == 2 and [len(each["shape_signature"]) for each in by_rank] != [2, 4]:
            raise ValueError(f"{path} has two outputs that are not a vector and a map.")
        self.image = _shape_of_one(inputs[0])
        self.vector = _shape_of_one(by_rank[0])
        self.map = _shape_of_one(by_rank[1]) if len(by_rank) == 2 else None
        self._input = inputs[0]["index"]
        self._outputs = [output["index"] for output in by_rank]
        self._batch_size = batch_size
        self._allocated = 0
        self._lock = threading.Lock()

    def __call__(self, images: Floats) -> Floats:
        """Vectors (n, dims) float32 of images (n, height, width, 3) float32 in [0, 255], n >= 1."""
        return self._run_all(images, self._outputs[:1])[0]

    def with_map(self, images: Floats) -> tuple[Floats, Floats]:
        """Vectors (n, dims) and maps (n, rows, columns, dims) of such images, in one pass.

        Raises:
            ValueError: the model has no map.
        """
        if self.map is None:
            raise ValueError("This model has no map.")
        vectors, maps = self._run_all(images, self._outputs)
        return vectors, maps

    def _run_all(self, images: Floats, outputs: list[int]) -> list[Floats]:
        parts = []
        with self._lock:
            for start in range(0, len(images), self._batch_size):
                parts.append(self._run(images[start : start + self._batch_size], outputs))
        return [np.concatenate(each) for each in zip(*parts, strict=True)]

    def _run(self, batch: Floats, outputs: list[int]) -> list[Floats]:
        if len(batch) != self._allocated:
            self._interpreter.resize_tensor_input(self._input, (len(batch), *self.image), strict=True)
            self._interpreter.allocate_tensors()
            self._allocated = len(batch)
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(batch))
        self._interpreter.invoke()
        return [np.array(self._interpreter.get_tensor(index), dtype=np.float32) for index in outputs]


def _shape_of_one(tensor: dict[str, object]) -> tuple[int, ...]:
    """The declared shape of a tensor without its first axis, the batch."""
    return tuple(int(side) for side in tensor["shape_signature"][1:])  # type: ignore[index]


def open_trained(path: Path, size: tuple[int, int], *, threads: int, batch_size: int) -> LiteRTModel:
    """Load a .tflite file written by extractor training, and check it on one image.

    It must have images (n, height, width, 3) of `size` as input, and as outputs vectors (n, d), d at most
    1024, and maps (n, rows, columns, d) whose spatial mean is the vector, for any n.

    Raises:
        ExtractorFailed: the file is not valid; the message says why and what to do.
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
    if model.image != (*size, 3):
        raise ValueError(f"its input has shape {model.image}, not {(*size, 3)}")
    if model.map is None:
        raise ValueError("it has no map")
    dims, sides = model.vector[-1], model.map[:2]
    if model.map[2] != dims or not 0 < dims <= MAX_DIMS or not all(0 < side <= MAX_SIDE for side in sides):
        raise ValueError(f"it has vectors of shape {model.vector} and maps of shape {model.map}")


def _check_numbers(model: LiteRTModel) -> None:
    ramp = np.linspace(0, 255, model.image[0] * model.image[1] * 3, dtype=np.float32)
    vectors, maps = model.with_map(ramp.reshape(1, *model.image))
    if not (np.isfinite(vectors).all() and np.isfinite(maps).all()):
        raise ValueError("its outputs are not finite")
    scale = max(1.0, float(np.abs(vectors).max()))
    difference = float(np.abs(maps.mean(axis=(1, 2)) - vectors).max())
    if difference > AGREEMENT * scale:
        raise ValueError(f"its vectors differ by {difference:.2g} from the mean of its maps")
