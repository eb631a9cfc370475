"""Makes the models that the export tests need: `python -m tests.ml.extractors.made_models FOLDER`.

Keras and TensorFlow stay out of the test process, as they stay out of a worker. What it leaves in FOLDER:
seeded random MobileNetV2 weights, a small TF-Hub model, vectors computed by Keras itself for the same
pictures, an export of the former, the TF-Hub model as the archive a server would send, and what the export
reports about unusable files.
"""

from __future__ import annotations

import gc
import json
import sys
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .made_trained import make_trained

MOBILENET_FILE = "mobilenet_v2_1.0_224_imagenet.weights.h5"
INCEPTION_FILE = "inception_v3_20151205_to_mixed8_fp16.npz"
LAYER = "block_2_add"


def pictures(seed: int = 11, count: int = 11, height: int = 224, width: int = 224) -> Any:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (count, 7, 7, 3))
    fine = coarse.repeat(-(-height // 7), axis=1).repeat(-(-width // 7), axis=2)[:, :height, :width]
    return np.clip(fine + rng.normal(0, 20, fine.shape), 0, 255).astype(np.float32)


def make(folder: Path) -> None:
    # Garbage collection takes a fifth of the time in which TensorFlow is imported and traces networks.
    gc.disable()
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(5)
    images = pictures()
    model = keras.applications.MobileNetV2(weights=None)
    # Random kernels fade to nothing in fifty layers unless each normalisation has seen its own input.
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(keras.applications.mobilenet_v2.preprocess_input(images[:4].copy()), training=True)
    model.save_weights(folder / MOBILENET_FILE)
    cut = keras.Model(model.input, model.get_layer(LAYER).output)
    scaled = keras.applications.mobilenet_v2.preprocess_input(images.copy())
    reference = {"pictures": images, "mobilenet": np.asarray(cut(scaled)).mean(axis=(1, 2))}

    from ml.extractors.export import export_extractor
    from ml.extractors.runtime import resolve_fingerprint

    # Keras takes half a second to build one, for every file that the export reads.
    for name in ("MobileNetV2", "InceptionV3"):
        setattr(keras.applications, name, cache(getattr(keras.applications, name)))
    spec = f"mobilenet_v2:{LAYER}:avg"
    export_extractor(spec, folder, folder / "exports" / f"{resolve_fingerprint(spec, folder)}.tflite")

    small = keras.Sequential(
        [
            keras.Input((224, 224, 3)),
            keras.layers.Conv2D(8, 5, strides=4, activation="relu"),
            keras.layers.Conv2D(12, 5, strides=4, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    small.export(folder / "small_hub", verbose=False)
    reference["hub"] = np.asarray(small(images / 255))
    with tarfile.open(folder / "small_hub.tar.gz", "w:gz") as archive:
        for file in sorted((folder / "small_hub").rglob("*")):
            archive.add(file, file.relative_to(folder / "small_hub").as_posix(), recursive=False)
    np.savez(folder / "reference.npz", **reference)
    (folder / "refusals.json").write_text(json.dumps(refusals(folder, model, keras, tf)))
    make_trained(folder / "trained")


def refusals(folder: Path, model: Any, keras: Any, tf: Any) -> dict[str, str]:
    """Messages of the export about unusable files, by name."""
    whole = (folder / MOBILENET_FILE).read_bytes()
    messages = {}

    def note(case: str, spec: str) -> Path:
        from ml.extractors.export import ExportFailed, export_extractor
        from ml.extractors.weights import WeightsUnavailable

        out = folder / case / "out.tflite"
        try:
            export_extractor(spec, folder / case, out)
        except (WeightsUnavailable, ExportFailed, ValueError) as error:
            messages[case] = f"{type(error).__name__}: {error}"
        messages[f"{case} left"] = " ".join(path.name for path in (folder / case).glob("*out*"))
        return out

    def place(case: str) -> Path:
        (folder / case).mkdir()
        return folder / case

    (place("truncated") / MOBILENET_FILE).write_bytes(whole[: len(whole) // 2])
    note("truncated", "mobilenet_v2")
    (place("not_weights") / MOBILENET_FILE).write_bytes(b"<html>Sign in to download</html>")
    note("not_weights", "mobilenet_v2")
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    other.save_weights(place("another_model") / MOBILENET_FILE)
    note("another_model", "mobilenet_v2")
    spoilt = model.get_weights()
    spoilt[0] = np.full_like(spoilt[0], np.nan)
    model.set_weights(spoilt)
    model.save_weights(place("not_finite") / MOBILENET_FILE)
    note("not_finite", "mobilenet_v2")
    (place("no_such_layer") / MOBILENET_FILE).write_bytes(whole)
    note("no_such_layer", "mobilenet_v2:mixed8")
    np.savez(place("wrong_shapes") / INCEPTION_FILE, *[np.zeros((2, 2), "f2")] * 304)
    note("wrong_shapes", "inception_v3:mixed8")
    note_above = place("above_the_weights") / INCEPTION_FILE
    np.savez(note_above, np.zeros(1, "f2"))
    note("above_the_weights", "inception_v3:conv2d_93")

    class Reading(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 224, 224, 3], tf.float32)])
        def __call__(self, images: Any) -> Any:
            size = tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)
            return tf.reduce_mean(images, axis=(1, 2)) + size

    tf.saved_model.save(Reading(), str(place("reads_files") / "hub"))
    note("reads_files", "tfhub:hub")

    narrow = keras.Sequential([keras.Input((96, 96, 3)), keras.layers.GlobalAveragePooling2D()])
    narrow.export(place("another_size") / "hub", verbose=False)
    note("another_size", "tfhub:hub")
    (place("broken_hub") / "hub").mkdir()
    (folder / "broken_hub" / "hub" / "saved_model.pb").write_bytes(b"\xff" * 100)
    note("broken_hub", "tfhub:hub")
    return messages


if __name__ == "__main__":
    make(Path(sys.argv[1]))
