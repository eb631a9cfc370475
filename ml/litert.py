"""One LiteRT model: batches of pictures in, vectors out, one thread of calls at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class LiteRTModel:
    """Runs an exported float32 model from a memory-mapped file.

    Args:
        path: the .tflite file; kept mapped, so processes share its pages.
        threads: CPU threads of the interpreter.
        batch_size: most pictures given to it at once.

    Raises:
        ValueError: the file is no LiteRT model, or not one input and one output of float32.
    """

    def __init__(self, path: Path, *, threads: int, batch_size: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1 or inputs[0]["dtype"] is not np.float32:
            raise ValueError(f"{path} is not a model of one picture in, one vector out.")
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self._picture = tuple(int(side) for side in inputs[0]["shape_signature"][1:])
        self._batch_size = batch_size
        self._allocated = 0
        self._lock = threading.Lock()

    def __call__(self, images: Floats) -> Floats:
        """Vectors (n, dims) float32 of pictures (n, height, width, 3) float32 in [0, 255], for any n."""
        parts = []
        with self._lock:
            for start in range(0, len(images), self._batch_size):
                parts.append(self._run(images[start : start + self._batch_size]))
        return np.concatenate(parts)

    def _run(self, batch: Floats) -> Floats:
        if len(batch) != self._allocated:
            self._interpreter.resize_tensor_input(self._input, (len(batch), *self._picture), strict=True)
            self._interpreter.allocate_tensors()
            self._allocated = len(batch)
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(batch))
        self._interpreter.invoke()
        return np.array(self._interpreter.get_tensor(self._output), dtype=np.float32)
