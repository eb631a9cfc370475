"""Makes small trained extractors, fit and unfit, for `made_models`.

Each is one convolution over 9 x 6 places of the picture, and a LiteRT file as that of a trained network: with
float16 weights and two outputs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

DIMS = 12


def make_trained(folder: Path) -> None:
    folder.mkdir()
    for name, content in {
        "fit": lite(),
        "retrained": lite(seed=9),
        "vector_only": lite(given="vector"),
        "map_only": lite(given="map"),
        "two_vectors": lite(given="vector more"),
        "three_outputs": lite(given="vector map more"),
        "not_the_mean": lite(given="vector biased"),
        "small_pictures": lite(cell=16),
        "too_wide": lite(dims=1025),
        "not_finite": lite(scale=np.nan),
        "two_at_once": lite(batch=2),
    }.items():
        (folder / f"{name}.tflite").write_bytes(content)


def lite(
    cell: int = 32,
    dims: int = DIMS,
    given: str = "vector map",
    seed: int = 8,
    scale: float = 1.0,
    batch: int | None = None,
) -> bytes:
    import tensorflow as tf

    kernel = np.random.default_rng(seed).normal(0, scale / cell, (cell, cell, 3, dims)).astype(np.float32)

    def network(pixels: Any) -> Any:
        places = tf.nn.conv2d(pixels / 255.0, tf.constant(kernel), strides=cell, padding="VALID")
        vector = tf.reduce_mean(places, axis=(1, 2))
        outputs = {"vector": vector, "map": places, "more": vector + 1.0, "biased": places + 0.5}
        return {name: outputs[name] for name in given.split()}

    pixels = tf.TensorSpec([batch, 9 * cell, 6 * cell, 3], tf.float32)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [tf.function(network).get_concrete_function(pixels)], tf.Module()
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())
