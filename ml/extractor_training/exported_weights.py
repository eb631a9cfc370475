"""Read the weights of a trained network back from its LiteRT file, to continue from that of a site."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import TrainingError

EXPORTED = ".tflite"

Arrays = dict[str, npt.NDArray[np.float32]]


def load_exported(path: Path, network: Any) -> None:
    """Fill a network of `build_network` with the weights of its LiteRT file.

    The weights have half precision. Raises TrainingError if the file can't be read or holds another network.
    """
    kernels, biases = _read(path)
    for layer in network.layers:
        if not layer.weights:
            continue
        expected = [array.shape for array in layer.get_weights()]
        found = [kernels.get(layer.name), biases.get(layer.name)]
        if [None if array is None else array.shape for array in found] != expected:
            raise TrainingError(f"{path} holds another network: its layer {layer.name} does not fit.")
        layer.set_weights(found)
    unknown = set(kernels) - {layer.name for layer in network.layers}
    if unknown:
        raise TrainingError(f"{path} holds another network: it also has the layer {min(unknown)}.")


def _read(path: Path) -> tuple[Arrays, Arrays]:
    """The kernels, in the layout of Keras, and the biases of all layers by name."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=path.read_bytes())
        details = interpreter.get_tensor_details()
    except (OSError, ValueError, RuntimeError) as error:
        raise TrainingError(f"{path} can't be read as an exported network: {error}.") from error
    kernels: Arrays = {}
    biases: Arrays = {}
    for tensor in details:
        if tensor["dtype"] is not np.float16:
            continue  # Weights are stored in half precision; inputs and results are float32.
        values = interpreter.get_tensor(tensor["index"]).astype(np.float32)
        names = _layers(tensor["name"])
        if values.ndim == 4 and names:
            # LiteRT has (output, height, width, input), for depthwise kernels (1, height, width, channels).
            kernels[names[0]] = values.transpose(1, 2, 3, 0)
        elif values.ndim == 1 and names:
            biases[names[0]] = values
    return kernels, biases


def _layers(name: str) -> list[str]:
    """The names of the layers that a tensor belongs to: model_1/block_1_expand_1/BiasAdd;..."""
    parts = [part.split("/") for part in name.split(";")]
    layers = [re.sub(r"_\d+$", "", part[1]) for part in parts if len(part) > 1]
    return [layer for layer in layers if not layer.startswith("re_lu")]
