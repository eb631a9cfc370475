"""The `postersite` network: a ConvNet without batch normalisation, three layers pooled into one vector."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SIZE = (288, 192)
"""Height and width of the input: the shape of a poster, and about the size of its thumbnail."""

DIMS = 256

_TOP_CHANNELS = 1280
_BATCH = 64


@dataclass(frozen=True)
class Backbone:
    """A ConvNet of inverted residual blocks.

    stages: expansion, channels, repeats, stride of the first, and kernel size of the blocks. depths: layers
    whose pooled outputs are projected to the vector: details, parts and the whole poster. frozen: the first
    blocks (edges, colours) keep their ImageNet weights, because training them costs a third more time.
    A pixel p in [0, 255] enters the first layer as p * scale + offset.
    """

    stages: tuple[tuple[int, int, int, int, int], ...]
    depths: tuple[str, str, str]
    frozen: int
    scale: float
    offset: float

    @property
    def blocks(self) -> list[tuple[int, int, int, int]]:
        """Expansion, channels, stride and kernel size of each block."""
        return [
            (expansion, width, stride if repeat == 0 else 1, kernel)
            for expansion, width, repeats, stride, kernel in self.stages
            for repeat in range(repeats)
        ]


BACKBONES = {
    # Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018), table 2.
    "mobilenet_v2": Backbone(
        stages=(
            (1, 16, 1, 1, 3),
            (6, 24, 2, 2, 3),
            (6, 32, 3, 2, 3),
            (6, 64, 4, 2, 3),
            (6, 96, 3, 1, 3),
            (6, 160, 3, 2, 3),
            (6, 320, 1, 1, 3),
        ),
        depths=("block_6_expand", "block_13_expand", "top"),
        frozen=3,
        scale=1 / 127.5,
        offset=-1.0,
    ),
    # Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019), scaled to
    # width 1.1 and depth 1.2, without squeeze-and-excitation and with ReLU6, as published for mobile devices.
    "efficientnet_lite2": Backbone(
        stages=(
            (1, 16, 1, 1, 3),
            (6, 24, 3, 2, 3),
            (6, 48, 3, 2, 5),
            (6, 88, 4, 2, 3),
            (6, 120, 4, 1, 5),
            (6, 208, 5, 2, 5),
            (6, 352, 1, 1, 3),
        ),
        depths=("block_7_expand", "block_15_expand", "top"),
        frozen=4,
        scale=1 / 128,
        offset=-127 / 128,
    ),
}


def build_network(backbone: str, size: tuple[int, int] = SIZE) -> Any:
    """Build the Keras model: RGB [0, 255] float32 (n, height, width, 3) to vectors and maps.

    Outputs: `vector` (n, 256), compared by cosine; and `map` (n, 9, 6, 256; smaller for a smaller size),
    whose spatial mean is the vector: a linear genre score thereby has an exact class activation map (Zhou et
    al., "Learning Deep Features for Discriminative Localization", 2016).

    Batch normalisation is folded into the convolutions, which makes a training step on a CPU several times
    faster. The weights are random; those of one size fit all others. backbone: a key of `BACKBONES`. size:
    height and width, multiples of 32.
    """
    import keras
    from keras import layers

    design = BACKBONES[backbone]
    pixels = keras.Input((*size, 3), name="pixels")
    x = layers.Rescaling(design.scale, design.offset)(pixels)
    x = _convolution(x, 32, 3, "Conv1", stride=2, trainable=False)
    channels = 32
    outputs: dict[str, Any] = {}
    for number, block in enumerate(design.blocks):
        x, outputs[f"block_{number}_expand"] = _block(
            x, channels, block, number, trainable=number >= design.frozen
        )
        channels = block[1]
    outputs["top"] = _convolution(x, _TOP_CHANNELS, 1, "top")
    pooled = []
    for name in design.depths:
        shrink = outputs[name].shape[1] // outputs["top"].shape[1]
        pooled.append(layers.AveragePooling2D(shrink)(outputs[name]) if shrink > 1 else outputs[name])
    joined = layers.Concatenate(name="depths")(pooled)
    maps = layers.Conv2D(DIMS, 1, name="projection")(joined)
    vector = layers.GlobalAveragePooling2D()(maps)
    vector = layers.Identity(name="vector")(vector)
    return keras.Model(pixels, {"vector": vector, "map": maps}, name="postersite")


def _block(
    x: Any, channels: int, block: tuple[int, int, int, int], number: int, *, trainable: bool
) -> tuple[Any, Any]:
    """The output of an inverted residual block, and of its expansion."""
    from keras import layers

    expansion, width, stride, kernel = block
    name = f"block_{number}" if number else "expanded_conv"
    y = x
    if expansion > 1:
        y = _convolution(y, channels * expansion, 1, f"{name}_expand", trainable=trainable)
    expanded = y
    y = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", name=f"{name}_depthwise", trainable=trainable
    )(y)
    y = layers.ReLU(6.0)(y)
    y = layers.Conv2D(width, 1, name=f"{name}_project", trainable=trainable)(y)
    return layers.Add()([x, y]) if stride == 1 and channels == width else y, expanded


def relative_depth(layer: str, backbone: str) -> float:
    """Where the layer of this name is: 0 for the first block, 1 behind the last."""
    if layer in ("pixels", "Conv1") or layer.startswith("expanded_conv"):
        return 0.0
    block = re.match(r"block_(\d+)_", layer)
    return int(block[1]) / len(BACKBONES[backbone].blocks) if block else 1.0


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
