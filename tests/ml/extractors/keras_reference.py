"""Features of real posters by Keras: `python -m tests.ml.extractors.keras_reference WEIGHTS OUT FILE...`.

The recipes' own way, written without our export: keras.applications, its preprocessing, and an average over
the last layer. Also leaves a TF-Hub folder made from the same MobileNetV2, whose input is [0, 1].
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ml.imaging.images import load_pixels


def compute(weights: Path, out: Path, files: list[Path]) -> None:
    import keras

    small = np.stack([load_pixels(file, (224, 224)) for file in files])
    applications = keras.applications
    mobilenet = applications.MobileNetV2(weights=weights / "mobilenet_v2_1.0_224_imagenet.weights.h5")
    features = keras.Model(mobilenet.input, mobilenet.get_layer("global_average_pooling2d").output)
    found = {"mobilenet_v2": features(applications.mobilenet_v2.preprocess_input(small.copy())).numpy()}

    unit = keras.Input((224, 224, 3))
    hub = keras.Model(unit, features(keras.layers.Rescaling(2.0, -1.0)(unit)))
    hub.export(out / "mobilenet_hub", verbose=False)

    large = np.stack([load_pixels(file, (299, 299)) for file in files])
    inception = applications.InceptionV3(include_top=False, weights=None, input_shape=(299, 299, 3))
    cut = keras.Model(inception.input, inception.get_layer("mixed8").output)
    with np.load(weights / "inception_v3_20151205_to_mixed8_fp16.npz") as archive:
        cut.set_weights([archive[name].astype("f4") for name in archive.files])
    maps = cut(applications.inception_v3.preprocess_input(large.copy())).numpy()
    found["inception_v3:mixed8:avg"] = maps.mean(axis=(1, 2))
    np.savez(out / "keras.npz", **found)


if __name__ == "__main__":
    compute(Path(sys.argv[1]), Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
