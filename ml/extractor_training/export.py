"""The trained network as the file a site runs: LiteRT, half-precision weights, a vector and a map."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.extractors.litert import LiteRTModel

from .errors import TrainingError

LEAST_COSINE = 0.99
"""How alike a vector of the file and one of the network must be at least, as a cosine: rounded weights turn
vectors a little, a fault in the export turns them anywhere."""

Floats = npt.NDArray[np.float32]


def lite_bytes(network: Any) -> bytes:
    """A Keras network with outputs `vector` and `map` as the bytes of a LiteRT file with float16 weights.

    Weights are widened to float32 when the file is opened, so that it takes half the room and no less time.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as scratch:
        network.export(scratch, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(scratch)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())


def agreement(content: bytes, network: Any, pictures: Floats) -> dict[str, float]:
    """How near the file comes to the network on pictures (n, 288, 192, 3) in [0, 255]; facts for the card.

    least_cosine: of the vectors of one picture by both; max_abs_difference, beside largest_number: of all
    numbers of the vectors; map_mean_difference: the largest between a vector of the file and its map's mean.

    Raises TrainingError if a cosine is below `LEAST_COSINE`, or numbers are not finite.
    """
    expected = np.asarray(network(pictures, training=False)["vector"])
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "model.tflite"
        file.write_bytes(content)
        vectors, maps = LiteRTModel(file, threads=1, batch_size=1).with_map(pictures)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(expected, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = float(((vectors * expected).sum(axis=1) / lengths).min())
    if not cosine >= LEAST_COSINE:
        raise TrainingError(
            f"The exported network gives vectors unlike the trained one's (a cosine of {cosine:.4f}): "
            "half precision does not hold its weights, most likely because the learning rates were too high."
        )
    return {
        "least_cosine": cosine,
        "max_abs_difference": float(np.abs(vectors - expected).max()),
        "largest_number": float(np.abs(expected).max()),
        "map_mean_difference": float(np.abs(maps.mean(axis=(1, 2)) - vectors).max()),
    }


def probes(images: npt.NDArray[np.uint8], count: int = 8) -> Floats:
    """Some of the pictures (n, 288, 192, 3), evenly drawn, to try a network with."""
    rows = np.unique(np.linspace(0, len(images) - 1, count).astype(np.int64))
    return images[rows].astype(np.float32)
