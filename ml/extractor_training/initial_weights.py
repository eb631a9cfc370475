"""Weights before the first step: ImageNet's (or random) convolutions, and fitted new layers.

Fine-tuning with random new layers would first destroy what the convolutions have learned (Kumar et al.,
"Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", 2022). The projection
therefore starts from principal components and the genre head from logistic regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.extractors.export import load_weights
from ml.extractors.weights import WeightsFile, WeightsUnavailable, require_weights
from ml.files import UNREADABLE_ARRAYS
from ml.genres.logistic import fit_logistic
from ml.labelled_set.array_cache import cached

from .errors import TrainingError
from .network import DIMS, SIZE, build_network, pooled_depths, run_network

MOBILENET, EFFICIENTNET = "mobilenet_v2", "efficientnet_lite2"
EFFICIENTNET_FILE = "efficientnet-lite2-9656183e.npz"
KEPT = "features"
KEPT_SIZE = (384, 256)
# Added to every deviation, so that features that hardly vary are not magnified.
_MIN_DEVIATION = 0.02
# Smaller variances, as a share of the largest, are rounding errors.
_MIN_VARIANCE = 1e-6
# Regularisation of the first genre head, times the number of posters.
_HEAD_STRENGTH = 100.0
_PYTORCH_EPSILON = 1e-3
# Posters whose activations scale random weights.
_STATISTICS_POSTERS = 32

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class InitialNetwork:
    """weights: `get_weights()` of a network before training. features (n, d): its pooled layers, of the n
    training posters."""

    weights: list[Floats]
    features: Floats


def imagenet_weights(path: Path | None, backbone: str) -> WeightsFile:
    """Find ImageNet weights: the file `path`, or a file in the folder `path`, or (None) Keras' own download.

    Those of EfficientNet-lite2 are always in a file or folder that is named. Raises TrainingError if there
    are none.
    """
    if backbone == EFFICIENTNET:
        file = path / EFFICIENTNET_FILE if path is not None and path.is_dir() else path
        if file is None or not file.is_file():
            raise TrainingError(
                f"{EFFICIENTNET} needs {EFFICIENTNET_FILE}: docs/training.md says how to make it. "
                "Name it, or its folder, with --weights."
            )
        return WeightsFile(file, "arrays")
    if path is not None and path.is_file():
        return WeightsFile(path, "no_top" if "no_top" in path.name else "with_top")
    if path is not None and not path.is_dir() and path.suffix == ".h5":
        raise TrainingError(
            f"There is no file {path}: run `manage.py fetch_weights {MOBILENET}`, or name another file."
        )
    try:
        return require_weights(MOBILENET, path)
    except WeightsUnavailable as error:
        raise TrainingError(
            f"{error} Or use --from-scratch to start with random weights, which needs far more posters."
        ) from error


def initial_network(
    backbone: str, images: Bytes, rows: Indexes, weights: WeightsFile | None, seed: int
) -> InitialNetwork:
    """Load ImageNet weights, or draw random ones (None), and compute the features of the training posters.

    images (n, 288, 192, 3) uint8; rows (m,): the training posters.
    """
    network = build_network(backbone)
    if weights is None:
        load_random(network, images[rows[:_STATISTICS_POSTERS]].astype(np.float32), seed)
    elif backbone == EFFICIENTNET:
        load_efficientnet(network, weights)
    else:
        load_mobilenet(network, weights)
    return InitialNetwork(network.get_weights(), pooled_depths(network, images, rows))


def load_mobilenet(network: Any, weights: WeightsFile) -> None:
    """Fill the backbone with ImageNet weights of MobileNetV2, batch normalisation folded in.

    Raises TrainingError if the file is damaged, or holds other weights or numbers that are not finite.
    """
    import keras

    source = keras.applications.MobileNetV2(
        weights=None, include_top=weights.kind == "with_top", input_shape=(*SIZE, 3)
    )
    try:
        load_weights(source, weights, MOBILENET)
    except WeightsUnavailable as error:
        raise TrainingError(str(error)) from error
    fold_batch_normalisation(network, source)


def load_efficientnet(network: Any, weights: WeightsFile) -> None:
    """Fill the backbone with ImageNet weights of EfficientNet-lite2, batch normalisation folded in.

    The file has the arrays of PyTorch's state dictionary by their names (docs/training.md). Raises
    TrainingError if it can't be read, or holds other weights or numbers that are not finite.
    """
    try:
        with np.load(weights.path, allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name], dtype=np.float32) for name in archive.files}
        for layer in network.layers:
            if layer.weights and layer.name != "projection":
                kernel, norm = (_arrays_of(arrays, name) for name in _pytorch_names(layer.name))
                scale = norm["weight"] / np.sqrt(norm["running_var"] + _PYTORCH_EPSILON)
                # PyTorch has (outputs, inputs, height, width); depthwise kernels have one input each.
                order = (2, 3, 0, 1) if "depthwise" in layer.name else (2, 3, 1, 0)
                by_channel = scale[:, None] if "depthwise" in layer.name else scale
                folded = [
                    kernel["weight"].transpose(order) * by_channel,
                    norm["bias"] - norm["running_mean"] * scale,
                ]
                if not all(np.isfinite(array).all() for array in folded):
                    raise ValueError(f"the layer {layer.name} has numbers that are not finite")
                layer.set_weights(folded)
    except (OSError, TypeError, *UNREADABLE_ARRAYS) as error:
        raise TrainingError(
            f"{weights.path} can't be read as weights of EfficientNet-lite2 ({error}): make it again as "
            "docs/training.md says."
        ) from error


def _arrays_of(arrays: dict[str, Floats], name: str) -> dict[str, Floats]:
    """The arrays whose names begin with `name` and a dot, without it."""
    return {
        key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")
    }


def _pytorch_names(layer: str) -> tuple[str, str]:
    """The names of a convolution and of its normalisation."""
    if layer == "Conv1":
        return "_conv_stem", "_bn0"
    if layer == "top":
        return "_conv_head", "_bn1"
    number = layer.split("_")[1] if layer.startswith("block_") else "0"
    part = layer.rpartition("_")[2]
    convolution, norm = {
        "expand": ("_expand_conv", "_bn0"),
        "depthwise": ("_depthwise_conv", "_bn1"),
        "project": ("_project_conv", "_bn2"),
    }[part]
    return f"_blocks.{number}.{convolution}", f"_blocks.{number}.{norm}"


def load_random(network: Any, images: Floats, seed: int) -> None:
    """Fill the backbone with random weights, scaled for the activations of images (n, 288, 192, 3).

    Pixels are in [0, 255]. Every layer gets activations of mean 0 and deviation 1: those of a random network
    with batch normalisation whose statistics of these images are folded in. Otherwise fifty layers give the
    same output for any input.
    """
    import keras

    keras.utils.set_random_seed(seed)
    source = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(*SIZE, 3))
    for layer in source.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    source(images / np.float32(127.5) - 1, training=True)
    fold_batch_normalisation(network, source)


def fold_batch_normalisation(network: Any, source: Any) -> None:
    """Copy the convolutions of a Keras MobileNetV2 with batch normalisation folded in.

    Up to rounding, `network` then has the activations that `source` has in inference.
    """
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


def first_projection(features: Floats, dims: int) -> Floats:
    """Compute a projection (d, dims) of features (n, d): the first principal components, half whitened.

    Features are standardised first, so that no layer dominates. Components are divided by the square root of
    their deviations, halfway between PCA and whitening. Finally all numbers get deviation 1. The last
    components are zero if n is small. Raises TrainingError if the features do not vary.
    """
    deviation = features.std(axis=0, dtype=np.float64) + _MIN_DEVIATION
    standard = (features - features.mean(axis=0, dtype=np.float64)) / deviation
    variances, directions = np.linalg.eigh(standard.T @ standard / len(standard))
    order = np.argsort(-variances)[:dims]
    kept = variances[order]
    gain = np.where(kept > kept[0] * _MIN_VARIANCE, np.maximum(kept, 1e-12) ** -0.25, 0.0)
    projection = directions[:, order] / deviation[:, None] * gain
    spread = float((features @ projection).std())
    if not np.isfinite(spread) or spread <= 0:
        raise TrainingError("The initial network gives all posters the same vector: are they posters?")
    return np.asarray(projection / spread, dtype=np.float32)


def features_to_keep(images: Bytes, rows: Indexes, weights: WeightsFile, path: Path) -> Floats:
    """Compute ImageNet's features (n, 256) of images (n, 288, 192, 3), for training that keeps them.

    They are the principal components (see `first_projection`, fitted to the training rows (m,)) of the pooled
    layers for posters magnified to `KEPT_SIZE`, where lettering and faces are larger. Stored at `path`.
    """
    import keras

    network = build_network(MOBILENET, size=KEPT_SIZE)

    def compute() -> dict[str, npt.NDArray[np.float16]]:
        load_mobilenet(network, weights)
        pooled = keras.layers.GlobalAveragePooling2D()(network.get_layer("depths").output)
        posters = keras.Input((*SIZE, 3))
        magnified = keras.layers.Resizing(*KEPT_SIZE)(posters)
        model = keras.Model(posters, keras.Model(network.input, pooled)(magnified))
        return {"features": run_network(model, images, np.arange(len(images))).astype(np.float16)}

    channels = network.get_layer("depths").output.shape[-1]
    features = cached(path, {"features": (len(images), channels)}, compute)["features"].astype(np.float32)
    kept = (features - features[rows].mean(axis=0)) @ first_projection(features[rows], DIMS)
    return np.asarray(kept / kept[rows].std(), dtype=np.float32)


def first_feature_head(vectors: Floats, features: Floats) -> tuple[Floats, Floats]:
    """Fit kernel (dims, d) and bias (d,) that predict features (n, d) from vectors (n, dims)."""
    known = np.hstack([vectors, np.ones((len(vectors), 1), dtype=np.float32)])
    fitted = np.linalg.lstsq(known, features, rcond=None)[0]
    return fitted[:-1].astype(np.float32), fitted[-1].astype(np.float32)


def first_head(vectors: Floats, labels: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Fit kernel (dims, genres) and bias (genres,) by strongly regularised logistic regression."""
    fitted = fit_logistic(
        vectors, labels, _HEAD_STRENGTH / len(vectors), vectors.var(axis=0, dtype=np.float64)
    )
    return fitted[:-1].astype(np.float32), fitted[-1].astype(np.float32)
