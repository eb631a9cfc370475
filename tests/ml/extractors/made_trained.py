"""Makes small trained extractors, fit and unfit: `python -m tests.ml.extractors.made_trained FOLDER`.

TensorFlow stays out of the test process. Each is one convolution over 9 x 6 places of the picture, written as
the real network is: a LiteRT file with float16 weights and two outputs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

DIMS = 12


def make(folder: Path) -> None:
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(8)
    for name, model in {
        "fit": network(),
        "retrained": network(),
        "vector_only": network(given="vector"),
        "map_only": network(given="map"),
        "two_vectors": network(given="vector more"),
        "three_outputs": network(given="vector map more"),
        "not_the_mean": network(given="vector biased"),
        "small_pictures": network(cell=16),
        "too_wide": network(dims=1025),
    }.items():
        (folder / f"{name}.tflite").write_bytes(lite(model))

    spoilt = network()
    spoilt.set_weights([np.full_like(array, np.nan) for array in spoilt.get_weights()])
    (folder / "not_finite.tflite").write_bytes(lite(spoilt))

    fixed = network()
    two = tf.function(fixed).get_concrete_function(tf.TensorSpec([2, 288, 192, 3], tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([two], fixed)
    (folder / "two_at_once.tflite").write_bytes(converter.convert())


def network(cell: int = 32, dims: int = DIMS, given: str = "vector map") -> Any:
    import keras
    from keras import layers

    pixels = keras.Input((9 * cell, 6 * cell, 3))
    places = layers.Conv2D(dims, cell, strides=cell, use_bias=False)(pixels / 255.0)
    vector = layers.GlobalAveragePooling2D()(places)
    outputs = {"vector": vector, "map": places, "more": vector + 1.0, "biased": places + 0.5}
    return keras.Model(pixels, {name: layers.Identity(name=name)(outputs[name]) for name in given.split()})


def lite(model: Any) -> bytes:
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as scratch:
        model.export(scratch, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(scratch)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())


if __name__ == "__main__":
    make(Path(sys.argv[1]))
