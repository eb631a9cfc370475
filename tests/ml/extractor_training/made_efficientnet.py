"""The first layers of an EfficientNet, folded and with normalisation, for `made_training`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from ml.extractor_training import network as architecture
from ml.extractor_training.initial_weights import EFFICIENTNET
from tests.ml.extractors.made_models import pictures


def efficientnet(folder: Path) -> dict[str, str]:
    """The first layers of an EfficientNet with folded weights, and computed with normalisation; refusals."""
    import keras
    from keras import layers

    from ml.extractor_training.errors import TrainingError
    from ml.extractor_training.initial_weights import EFFICIENTNET_FILE, load_efficientnet
    from ml.extractor_training.network import build_network
    from ml.extractors.weights import WeightsFile

    small = replace(
        architecture.BACKBONES[EFFICIENTNET],
        stages=((1, 16, 1, 1, 3), (6, 24, 2, 2, 5)),
        depths=("block_1_expand", "block_2_expand", "top"),
    )
    random = np.random.default_rng(3)
    arrays: dict[str, Any] = {}

    def draw(convolution: str, norm: str, shape: tuple[int, ...]) -> None:
        arrays[f"{convolution}.weight"] = random.normal(0, np.prod(shape[1:]) ** -0.5, shape)
        arrays[f"{norm}.weight"], arrays[f"{norm}.running_var"] = random.uniform(0.5, 1.5, (2, shape[0]))
        arrays[f"{norm}.bias"], arrays[f"{norm}.running_mean"] = random.normal(0, 0.3, (2, shape[0]))

    draw("_conv_stem", "_bn0", (32, 3, 3, 3))
    draw("_conv_head", "_bn1", (1280, 24, 1, 1))
    channels = 32
    for number, (expansion, width, _, kernel) in enumerate(small.blocks):
        wide, name = channels * expansion, f"_blocks.{number}"
        if expansion > 1:
            draw(f"{name}._expand_conv", f"{name}._bn0", (wide, channels, 1, 1))
        draw(f"{name}._depthwise_conv", f"{name}._bn1", (wide, 1, kernel, kernel))
        draw(f"{name}._project_conv", f"{name}._bn2", (width, wide, 1, 1))
        channels = width
    file = folder / EFFICIENTNET_FILE
    images = pictures(count=2, height=64, width=64)
    with patch.dict(architecture.BACKBONES, {EFFICIENTNET: small}):
        network = build_network(EFFICIENTNET, size=(64, 64))
        np.savez(file, allow_pickle=False, **arrays)
        load_efficientnet(network, WeightsFile(file, "arrays"))
        refusals = {}
        for name, change in (
            ("lacking", {"_bn1.bias": None}),
            ("infinite", {"_bn1.bias": np.full(1280, np.inf)}),
            ("shape", {"_conv_stem.weight": np.zeros((32, 3, 5, 5))}),
        ):
            changed = {key: array for key, array in (arrays | change).items() if array is not None}
            np.savez(folder / f"{name}.npz", allow_pickle=False, **changed)
            try:
                load_efficientnet(network, WeightsFile(folder / f"{name}.npz", "arrays"))
            except TrainingError as error:
                refusals[name] = str(error)
        load_efficientnet(network, WeightsFile(file, "arrays"))
    depths = keras.Model(network.input, network.get_layer("depths").output)(images)

    def normalised(x: Any, convolution: str, norm: str, *, stride: int = 1) -> Any:
        kernel = arrays[f"{convolution}.weight"].transpose(2, 3, 1, 0)
        options: dict[str, Any] = {"strides": stride, "padding": "same", "use_bias": False}
        if "depthwise" in convolution:
            layer, kernel = layers.DepthwiseConv2D(kernel.shape[0], **options), kernel.transpose(0, 1, 3, 2)
        else:
            layer = layers.Conv2D(kernel.shape[3], kernel.shape[0], **options)
        layer.build(x.shape)
        layer.set_weights([kernel])
        facts = [arrays[f"{norm}.{name}"] for name in ("weight", "bias", "running_mean", "running_var")]
        normalisation = layers.BatchNormalization(epsilon=1e-3)
        normalisation.build((None, None, None, len(facts[0])))
        normalisation.set_weights(facts)
        return normalisation(layer(x), training=False)

    relu = keras.activations.relu6
    x = relu(normalised((images - 127) / 128, "_conv_stem", "_bn0", stride=2))
    expanded = []
    for number, (expansion, _, stride, _) in enumerate(small.blocks):
        name, y = f"_blocks.{number}", x
        if expansion > 1:
            y = relu(normalised(y, f"{name}._expand_conv", f"{name}._bn0"))
            expanded.append(y)
        y = relu(normalised(y, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride))
        y = normalised(y, f"{name}._project_conv", f"{name}._bn2")
        x = x + y if x.shape == y.shape else y
    top = relu(normalised(x, "_conv_head", "_bn1"))
    expected = [np.asarray(each).mean(axis=(1, 2)) for each in (*expanded, top)]
    np.savez(
        folder / "efficientnet.npz",
        allow_pickle=False,
        depths=np.asarray(depths).mean(axis=(1, 2)),
        expected=np.concatenate(expected, axis=1),
    )
    return refusals
