"""The `postersite` network: MobileNetV2 without batch normalisation, three depths pooled into one vector."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import TrainingError

SIZE = (288, 192)
"""Height and width that posters are seen with: their own shape, and about their size as thumbnails."""

DIMS = 256

# Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018), table 2:
# expansion, channels, repeats, stride of the first.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_TOP_CHANNELS = 1280

LAST_BLOCK = 16

DEPTHS = ("block_6_expand", "block_13_expand", "top")
"""Layers whose pooled outputs the vector is projected from: details, parts and wholes."""

FROZEN_BLOCKS = 3
"""The first blocks (edges, colours) stay as ImageNet left them: training them cost a third more time."""


_FETCH = "Replace it, or run `manage.py fetch_weights mobilenet_v2`."


def build_network(dims: int = DIMS, size: tuple[int, int] = SIZE) -> Any:
    """A Keras model from RGB [0, 255] float32 (n, height, width, 3) to its vectors and where they come from.

    Outputs: `vector` (n, dims), to be compared by cosine; and `map` (n, 9, 6, dims; smaller for a
    smaller size), whose mean over its places is the vector: a linear genre score thereby has an exact class
    activation map (Zhou et al., "Learning Deep Features for Discriminative Localization", 2016).

    Batch normalisation is folded into the convolutions, which makes a training step on a CPU several times
    quicker. Weights are random until `start_from_imagenet` or a checkpoint fills them; those of one size fit
    all others. size: height and width, multiples of 32.
    """
    import keras
    from keras import layers

    pixels = keras.Input((*size, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, -1.0)(pixels)
    x = _convolution(x, 32, 3, "Conv1", stride=2, trainable=False)
    seen: dict[str, Any] = {}
    number, channels = 0, 32
    for expansion, width, repeats, stride in _STAGES:
        for repeat in range(repeats):
            name = f"block_{number}" if number else "expanded_conv"
            step = stride if repeat == 0 else 1
            learns = number >= FROZEN_BLOCKS
            y = x
            if expansion > 1:
                y = _convolution(y, channels * expansion, 1, f"{name}_expand", trainable=learns)
                seen[f"{name}_expand"] = y
            y = layers.DepthwiseConv2D(
                3, strides=step, padding="same", name=f"{name}_depthwise", trainable=learns
            )(y)
            y = layers.ReLU(6.0)(y)
            y = layers.Conv2D(width, 1, name=f"{name}_project", trainable=learns)(y)
            x = layers.Add()([x, y]) if step == 1 and channels == width else y
            channels, number = width, number + 1
    seen["top"] = _convolution(x, _TOP_CHANNELS, 1, "top")
    at_depths = []
    for name in DEPTHS:
        shrink = seen[name].shape[1] // seen["top"].shape[1]
        at_depths.append(layers.AveragePooling2D(shrink)(seen[name]) if shrink > 1 else seen[name])
    together = layers.Concatenate(name="depths")(at_depths)
    places = layers.Conv2D(dims, 1, name="projection")(together)
    vector = layers.GlobalAveragePooling2D()(places)
    vector = layers.Identity(name="vector")(vector)
    return keras.Model(pixels, {"vector": vector, "map": places}, name="postersite")


def depth_of(layer: str) -> int:
    """The number of the block that the layer of this name belongs to: 0 to 16, or 17 behind them all."""
    if layer in ("Conv1", "pixels") or layer.startswith("expanded_conv"):
        return 0
    block = re.match(r"block_(\d+)_", layer)
    return int(block[1]) if block else LAST_BLOCK + 1


def _convolution(
    x: Any, channels: int, size: int, name: str, *, stride: int = 1, trainable: bool = True
) -> Any:
    from keras import layers

    x = layers.Conv2D(channels, size, strides=stride, padding="same", name=name, trainable=trainable)(x)
    return layers.ReLU(6.0)(x)


def start_from_imagenet(network: Any, weights: Path, *, with_top: bool = True) -> None:
    """Fill the backbone with ImageNet MobileNetV2 weights (a Keras .h5 file), batch normalisation folded in.

    with_top: whether the file holds the classifier's weights too. Raises TrainingError if the file is damaged,
    or holds other weights or numbers that are not finite.
    """
    import keras

    source = keras.applications.MobileNetV2(weights=None, include_top=with_top, input_shape=(*SIZE, 3))
    # What a file leaves out would keep its first values without an error: mark them.
    source.set_weights([np.full(array.shape, np.nan, dtype=np.float32) for array in source.get_weights()])
    try:
        source.load_weights(str(weights))
        whole = all(np.isfinite(array).all() for array in source.get_weights())
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        first = (str(error).splitlines() or [""])[0][:160]
        raise TrainingError(
            f"{weights} is damaged or holds no weights of MobileNetV2 ({first}). {_FETCH}"
        ) from error
    if not whole:
        raise TrainingError(f"{weights} lacks some weights, or holds some that are not finite. {_FETCH}")
    fold_into(network, source)


def start_at_random(network: Any, pictures: npt.NDArray[np.float32], seed: int) -> None:
    """Fill the backbone with random weights whose activations, on pictures (n, 288, 192, 3) in [0, 255], have
    mean 0 and deviation 1 in every layer: without that a network of fifty layers says the same of everything.

    The weights are those of a random network with batch normalisation, whose statistics of these pictures are
    folded in.
    """
    import keras

    keras.utils.set_random_seed(seed)
    source = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(*SIZE, 3))
    for layer in source.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    source(pictures / np.float32(127.5) - 1, training=True)
    fold_into(network, source)


def fold_into(network: Any, source: Any) -> None:
    """Give `network` the convolutions of a Keras MobileNetV2, batch normalisation folded in: the same
    activations, up to rounding, as the source has when it does not train."""
    names = {"Conv1": ("Conv1", "bn_Conv1"), "top": ("Conv_1", "Conv_1_bn")}
    for layer in network.layers:
        if not layer.weights or layer.name == "projection":
            continue
        convolution, norm = names.get(layer.name, (layer.name, f"{layer.name}_BN"))
        kernel = source.get_layer(convolution).get_weights()[0]
        normalisation = source.get_layer(norm)
        gamma, beta, mean, variance = normalisation.get_weights()
        scale = gamma / np.sqrt(variance + normalisation.epsilon)
        by_channel = scale[:, None] if "depthwise" in layer.name else scale
        layer.set_weights([kernel * by_channel, beta - mean * scale])
