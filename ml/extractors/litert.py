"""One LiteRT model: batches of pictures in, vectors out, one thread of calls at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class LiteRTModel:
    """Runs an exported model from a memory-mapped file; its inputs and outputs are float32.

    Its one input is a picture. Its outputs are a vector and, in a trained extractor, the map of places that
    the vector is the mean of; the two are told apart by their rank.

    Attributes:
        picture: shape the file declares of one picture, such as (288, 192, 3).
        vector: shape it declares of one vector, such as (256,); -1 where the file leaves it open.
        map: shape it declares of one map, such as (9, 6, 256), or None without one.

    Args:
        path: the .tflite file; kept mapped, so processes share its pages.
        threads: CPU threads of the interpreter.
        batch_size: most pictures given to it at once.

    Raises:
        ValueError: the file is no LiteRT model, or not one of such inputs and outputs.
    """

    def __init__(self, path: Path, *, threads: int, batch_size: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) not in (1, 2):
            raise ValueError(f"{path} is not a model of one picture in, a vector and perhaps a map out.")
        if any(each["dtype"] is not np.float32 for each in (*inputs, *outputs)):
            raise ValueError(f"{path} takes or gives numbers that are not float32.")
        if inputs[0]["shape_signature"][0] != -1:
            raise ValueError(f"{path} takes a fixed number of pictures at once.")
        by_rank = sorted(outputs, key=lambda output: len(output["shape_signature"]))
        if len(outputs) == 2 and [len(each["shape_signature"]) for each in by_rank] != [2, 4]:
            raise ValueError(f"{path} has two outputs that are not a vector and a map.")
        self.picture = _of_one(inputs[0])
        self.vector = _of_one(by_rank[0])
        self.map = _of_one(by_rank[1]) if len(by_rank) == 2 else None
        self._input = inputs[0]["index"]
        self._outputs = [output["index"] for output in by_rank]
        self._batch_size = batch_size
        self._allocated = 0
        self._lock = threading.Lock()

    def __call__(self, images: Floats) -> Floats:
        """Vectors (n, dims) float32 of pictures (n, height, width, 3) float32 in [0, 255], for any n >= 1."""
        return self._run_all(images, self._outputs[:1])[0]

    def with_map(self, images: Floats) -> tuple[Floats, Floats]:
        """Vectors (n, dims) and maps (n, rows, columns, dims) of pictures as above, in one pass.

        Raises:
            ValueError: the model has no map.
        """
        if self.map is None:
            raise ValueError("This model gives vectors and no map.")
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
            self._interpreter.resize_tensor_input(self._input, (len(batch), *self.picture), strict=True)
            self._interpreter.allocate_tensors()
            self._allocated = len(batch)
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(batch))
        self._interpreter.invoke()
        return [np.array(self._interpreter.get_tensor(index), dtype=np.float32) for index in outputs]


def _of_one(tensor: dict[str, object]) -> tuple[int, ...]:
    """The declared shape of a tensor without its first axis, the batch."""
    return tuple(int(side) for side in tensor["shape_signature"][1:])  # type: ignore[index]
