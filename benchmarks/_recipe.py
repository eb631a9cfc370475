"""The published recipes' own code, which the benchmarks compare ours with. It imports TensorFlow.

Look-alikes: a network of keras.applications without its head; `load_img`, `img_to_array`, `preprocess_input`
and `predict` for one poster after the other. Genres (Ashref Maiza, "Multi-label image classification in
TensorFlow 2.0", 2019): a `tf.data` pipeline whose decoded images are cached, MobileNetV2 as a frozen layer
that every epoch runs anew, and a dense head.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

WEIGHTS = {
    "mobilenet_v2": "mobilenet_v2_1.0_224_imagenet.weights.h5",
    "inception_v3": "inception_v3_20151205_to_mixed8_fp16.npz",
}


def vector_function(network: str, weights: Path) -> Callable[[Path], Floats]:
    """A function that computes the vector (dims,) of a poster by `network` "mobilenet_v2" or "inception_v3".

    Inception's layer is `mixed8`, averaged, as its weights end there.
    """
    import keras

    model, preprocess, side = _network(network, weights / WEIGHTS[network])

    def vector(path: Path) -> Floats:
        image = keras.utils.load_img(path, target_size=(side, side))
        pixels = preprocess(np.expand_dims(keras.utils.img_to_array(image), axis=0))
        found: Floats = model.predict(pixels, verbose=0)[0]
        return found if found.ndim == 1 else found.mean(axis=(0, 1))

    return vector


def _network(network: str, file: Path) -> tuple[Any, Callable[[Floats], Floats], int]:
    import keras

    applications = keras.applications
    if network == "mobilenet_v2":
        whole = applications.MobileNetV2(weights=file)
        pooled = whole.get_layer("global_average_pooling2d").output
        return keras.Model(whole.input, pooled), applications.mobilenet_v2.preprocess_input, 224
    whole = applications.InceptionV3(include_top=False, weights=None, input_shape=(299, 299, 3))
    model = keras.Model(whole.input, whole.get_layer("mixed8").output)
    with np.load(file) as archive:
        model.set_weights([archive[f"arr_{n}"].astype("f4") for n in range(len(archive.files))])
    return model, applications.inception_v3.preprocess_input, 299


def genre_epochs(
    files: Sequence[Path], labels: npt.NDArray[np.uint8], weights: Path, epochs: int, batch_size: int = 256
) -> tuple[Floats, Floats]:
    """Train on these posters with labels (n, genres): wall and CPU seconds (2,) of decoding them, and of an
    epoch after that.

    The pipeline keeps what it has decoded, as published. Without validation.
    """
    import keras
    import tensorflow as tf

    from ml.genres.dense_training import macro_soft_f1

    body, _, side = _network("mobilenet_v2", weights / WEIGHTS["mobilenet_v2"])
    body.trainable = False
    unit = keras.Input((side, side, 3))  # a layer of TensorFlow Hub takes [0, 1]
    hidden = keras.layers.Dense(1024, activation="relu")(body(keras.layers.Rescaling(2.0, -1.0)(unit)))
    model = keras.Model(unit, keras.layers.Dense(labels.shape[1], activation="sigmoid")(hidden))
    model.compile(optimizer=keras.optimizers.Adam(1e-5), loss=macro_soft_f1)

    def parse(name: Any, label: Any) -> tuple[Any, Any]:
        image = tf.image.decode_jpeg(tf.io.read_file(name), channels=3)
        return tf.image.resize(image, [side, side]) / 255.0, label

    posters = tf.data.Dataset.from_tensor_slices(([str(file) for file in files], labels.astype(np.float32)))
    posters = posters.map(parse, num_parallel_calls=tf.data.AUTOTUNE).cache()
    began = _clocks()
    for _ in posters.batch(batch_size):
        pass
    decoding_s = _clocks() - began
    batches = posters.shuffle(buffer_size=1024).batch(batch_size).prefetch(buffer_size=tf.data.AUTOTUNE)
    ends: list[Floats] = []
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(_clocks()))
    # The first epoch compiles the network.
    model.fit(batches, epochs=1 + epochs, verbose=0, callbacks=[clock])
    return decoding_s, (ends[-1] - ends[0]) / epochs


def _clocks() -> Floats:
    return np.array([time.perf_counter(), time.process_time()])
