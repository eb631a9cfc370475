"""The `postersite` network: MobileNetV2 without batch normalisation, three layers pooled into one vector."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

SIZE = (288, 192)
"""Height and width of the input: the shape of a poster, and about the size of its thumbnail."""

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
_BATCH = 64

LAST_BLOCK = 16

DEPTHS = ("block_6_expand", "block_13_expand", "top")
"""Layers whose pooled outputs are projected to the vector: details, parts and the whole poster."""

POOLED = 2048
"""Numbers of these layers together."""

FROZEN_BLOCKS = 3
"""The first blocks (edges, colours) keep their ImageNet weights: training them costs a third more time."""

IMAGENET = "imagenet_"
"""The prefix of the layers that keep their ImageNet weights beside trained ones."""


def build_network(dims: int = DIMS, size: tuple[int, int] = SIZE) -> Any:
    """Build the Keras model: RGB [0, 255] float32 (n, height, width, 3) to vectors and maps.

    Outputs: `vector` (n, dims), compared by cosine; and `map` (n, 9, 6, dims; smaller for a smaller size),
    whose spatial mean is the vector: a linear genre score thereby has an exact class activation map (Zhou et
    al., "Learning Deep Features for Discriminative Localization", 2016).

    Batch normalisation is folded into the convolutions, which makes a training step on a CPU several times
    faster. The weights are random; those of one size fit all others. size: height and width, multiples of 32.
    """
    pixels, shared = _shared_blocks(size)
    return _model(pixels, _depths(*shared), dims)


def build_combined_network(dims: int = DIMS, size: tuple[int, int] = SIZE) -> Any:
    """Build the model of `build_network` with a second branch behind the frozen blocks.

    The layers of the second branch have the prefix `IMAGENET`. Its pooled layers follow those of the first in
    `depths`, so one projection reads both.
    """
    pixels, shared = _shared_blocks(size)
    return _model(pixels, _depths(*shared) + _depths(*shared, prefix=IMAGENET), dims)


def _shared_blocks(size: tuple[int, int]) -> tuple[Any, tuple[Any, int]]:
    """The input, and the output of the frozen blocks with its number of channels."""
    import keras
    from keras import layers

    pixels = keras.Input((*size, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, -1.0)(pixels)
    x = _convolution(x, 32, 3, "Conv1", stride=2, trainable=False)
    channels = 32
    for number, block in enumerate(_blocks()[:FROZEN_BLOCKS]):
        x, _ = _block(x, channels, block, number, trainable=False)
        channels = block[1]
    return pixels, (x, channels)


def _depths(x: Any, channels: int, prefix: str = "") -> list[Any]:
    """The layers `DEPTHS` of the blocks that follow x, each pooled to the size of the last."""
    from keras import layers

    outputs: dict[str, Any] = {}
    for number, block in enumerate(_blocks()):
        if number >= FROZEN_BLOCKS:
            x, outputs[f"block_{number}_expand"] = _block(x, channels, block, number, prefix)
            channels = block[1]
    outputs["top"] = _convolution(x, _TOP_CHANNELS, 1, f"{prefix}top")
    pooled = []
    for name in DEPTHS:
        shrink = outputs[name].shape[1] // outputs["top"].shape[1]
        pooled.append(layers.AveragePooling2D(shrink)(outputs[name]) if shrink > 1 else outputs[name])
    return pooled


def _blocks() -> list[tuple[int, int, int]]:
    """Expansion, channels and stride of each block."""
    return [
        (expansion, width, stride if repeat == 0 else 1)
        for expansion, width, repeats, stride in _STAGES
        for repeat in range(repeats)
    ]


def _block(
    x: Any,
    channels: int,
    block: tuple[int, int, int],
    number: int,
    prefix: str = "",
    *,
    trainable: bool = True,
) -> tuple[Any, Any]:
    """The output of an inverted residual block, and of its expansion."""
    from keras import layers

    expansion, width, stride = block
    name = f"{prefix}block_{number}" if number else "expanded_conv"
    y = x
    if expansion > 1:
        y = _convolution(y, channels * expansion, 1, f"{name}_expand", trainable=trainable)
    expanded = y
    y = layers.DepthwiseConv2D(
        3, strides=stride, padding="same", name=f"{name}_depthwise", trainable=trainable
    )(y)
    y = layers.ReLU(6.0)(y)
    y = layers.Conv2D(width, 1, name=f"{name}_project", trainable=trainable)(y)
    return layers.Add()([x, y]) if stride == 1 and channels == width else y, expanded


def _model(pixels: Any, depths: list[Any], dims: int) -> Any:
    import keras
    from keras import layers

    joined = layers.Concatenate(name="depths")(depths)
    maps = layers.Conv2D(dims, 1, name="projection")(joined)
    vector = layers.GlobalAveragePooling2D()(maps)
    vector = layers.Identity(name="vector")(vector)
    return keras.Model(pixels, {"vector": vector, "map": maps}, name="postersite")


def depth_of(layer: str) -> int:
    """The block number of the layer of this name: 0 to 16, or 17 for layers behind the last block."""
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


def run_network(
    model: Any, images: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], output: str = ""
) -> npt.NDArray[np.float32]:
    """Outputs of a Keras model, or its output of this name, for the rows (m,) of images (n, ...) uint8."""
    import tensorflow as tf

    predict = tf.function(lambda batch: model(batch, training=False), autograph=False, reduce_retracing=True)
    parts = []
    for start in range(0, len(rows), _BATCH):
        found = predict(tf.constant(images[rows[start : start + _BATCH]].astype(np.float32)))
        parts.append((found[output] if output else found).numpy())
    return np.concatenate(parts)


def pooled_depths(
    network: Any, images: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """The pooled layers (m, channels) that the projection of a network reads, for the rows (m,) of images."""
    import keras

    pooled = keras.layers.GlobalAveragePooling2D()(network.get_layer("depths").output)
    return run_network(keras.Model(network.input, pooled), images, rows)
