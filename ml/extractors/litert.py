"""LiteRT models: inference, and the checks of trained extractor files."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .errors import ExtractorFailed

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

MAX_BYTES = 64 * 2**20
MAX_DIMS = 1024
MAX_SIDE = 64
"""Maximum number of places of a map along one side."""

AGREEMENT = 1e-3
"""Largest allowed difference between a vector and the mean of its map, relative to max(1, largest number)."""

MOST_AT_ONCE = 4
"""Images that run at the same time; each needs an interpreter with a copy of the weights."""

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8] | Floats


class LiteRTModel:
    """Runs a LiteRT file, one image at a time; inputs and outputs are float32. Threads may share it.

    The input is an image. The outputs are a vector and, for a trained extractor, the map whose spatial mean
    is the vector; their ranks differ.

    Images run in several interpreters at the same time, each with its share of the threads. That needs less
    CPU time and memory than batches: threads of one interpreter wait for each other after every layer, and
    the activations of one image fit into the caches (docs/measurements.md, Embedding).

    Attributes:
        image: declared shape of one image, such as (288, 192, 3).
        vector: declared shape of one vector, such as (256,); -1 if undeclared.
        map: declared shape of one map, such as (9, 6, 256), or None without a map.
        at_once: how many images run at the same time.

    Args:
        path: the .tflite file; memory-mapped, so processes share its pages.
        threads: CPU threads of all interpreters together.

    Raises:
        ValueError: the file is no LiteRT model, or has other inputs or outputs.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        self._path = path
        self.at_once = min(threads, MOST_AT_ONCE)
        self._threads_each = threads // self.at_once
        interpreter = self._open()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
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
        # The last one that was used comes first: one image after the other needs one interpreter.
        self._idle: LifoQueue[Interpreter] = LifoQueue()
        self._idle.put(self._allocated(interpreter))
        self._not_opened = self.at_once - 1
        self._lock = threading.Lock()

    def __call__(self, images: Pixels) -> Floats:
        """Vectors (n, dims) float32 of images (n, height, width, 3), numbers in [0, 255], n >= 1."""
        return self._run_all(images, self._outputs[:1])[0]

    def with_map(self, images: Pixels) -> tuple[Floats, Floats]:
        """Vectors (n, dims) and maps (n, rows, columns, dims) of such images, in one pass.

        Raises:
            ValueError: the model has no map.
        """
        if self.map is None:
            raise ValueError("This model has no map.")
        vectors, maps = self._run_all(images, self._outputs)
        return vectors, maps

    def _run_all(self, images: Pixels, outputs: list[int]) -> list[Floats]:
        if len(images) == 1 or self.at_once == 1:
            found = [self._run(image, outputs) for image in images]
        else:
            with ThreadPoolExecutor(self.at_once, thread_name_prefix="infer") as pool:
                found = list(pool.map(lambda image: self._run(image, outputs), images))
        return [np.concatenate(each) for each in zip(*found, strict=True)]

    def _run(self, image: Pixels, outputs: list[int]) -> list[Floats]:
        interpreter = self._borrow()
        try:
            interpreter.tensor(self._input)()[0] = image
            interpreter.invoke()
            return [interpreter.get_tensor(index) for index in outputs]
        finally:
            self._idle.put(interpreter)

    def _borrow(self) -> Interpreter:
        try:
            return self._idle.get_nowait()
        except Empty:
            with self._lock:
                may_open = self._not_opened > 0
                self._not_opened -= may_open
        return self._allocated(self._open()) if may_open else self._idle.get()

    def _open(self) -> Interpreter:
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_path=str(self._path), num_threads=self._threads_each)

    def _allocated(self, interpreter: Interpreter) -> Interpreter:
        interpreter.resize_tensor_input(self._input, (1, *self.image), strict=True)
        interpreter.allocate_tensors()
        return interpreter


def _shape_of_one(tensor: dict[str, object]) -> tuple[int, ...]:
    """The declared shape of a tensor without its first axis, the batch."""
    return tuple(int(side) for side in tensor["shape_signature"][1:])  # type: ignore[index]


def open_trained(path: Path, size: tuple[int, int], *, threads: int) -> LiteRTModel:
    """Load a .tflite file written by extractor training, and check it on one image.

    It must have images (n, height, width, 3) of `size` as input, and as outputs vectors (n, d), d at most
    1024, and maps (n, rows, columns, d) whose spatial mean is the vector, for any n.

    Raises:
        ExtractorFailed: the file is not valid; the message says why and what to do.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
        model = LiteRTModel(path, threads=threads)
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
