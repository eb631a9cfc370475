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
from ml.genres.logistic import fit_logistic
from ml.labelled_set.array_cache import cached

from .errors import TrainingError
from .network import DIMS, POOLED, SIZE, build_network, pooled_depths, run_network

BACKBONE = "mobilenet_v2"
KEPT = "features"
KEPT_SIZE = (384, 256)
# Added to every deviation, so that features that hardly vary are not magnified.
_MIN_DEVIATION = 0.02
# Smaller variances, as a share of the largest, are rounding errors.
_MIN_VARIANCE = 1e-6
# Regularisation of the first genre head, times the number of posters.
_HEAD_STRENGTH = 100.0
# Posters whose activations scale random weights.
_STATISTICS_POSTERS = 32

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class InitialNetwork:
    """weights: `get_weights()` of a network before training. features (n, 2048): its pooled layers, of the n
    training posters."""

    weights: list[Floats]
    features: Floats


def imagenet_weights(path: Path | None) -> WeightsFile:
    """Find ImageNet weights: the file `path`, or a file in the folder `path`, or (None) Keras' own download.

    Raises TrainingError if there are none.
    """
    if path is not None and path.is_file():
        return WeightsFile(path, "no_top" if "no_top" in path.name else "with_top")
    if path is not None and not path.is_dir() and path.suffix == ".h5":
        raise TrainingError(
            f"There is no file {path}: run `manage.py fetch_weights {BACKBONE}`, or name another file."
        )
    try:
        return require_weights(BACKBONE, path)
    except WeightsUnavailable as error:
        raise TrainingError(
            f"{error} Or use --from-scratch to start with random weights, which needs far more posters."
        ) from error


def initial_network(images: Bytes, rows: Indexes, weights: WeightsFile | None, seed: int) -> InitialNetwork:
    """Load ImageNet weights, or draw random ones (None), and compute the features of the training posters.

    images (n, 288, 192, 3) uint8; rows (m,): the training posters.
    """
    network = build_network()
    if weights is None:
        load_random(network, images[rows[:_STATISTICS_POSTERS]].astype(np.float32), seed)
    else:
        load_imagenet(network, weights)
    return InitialNetwork(network.get_weights(), pooled_depths(network, images, rows))


def load_imagenet(network: Any, weights: WeightsFile) -> None:
    """Fill the backbone with ImageNet weights of MobileNetV2, batch normalisation folded in.

    Raises TrainingError if the file is damaged, or holds other weights or numbers that are not finite.
    """
    import keras

    source = keras.applications.MobileNetV2(
        weights=None, include_top=weights.kind == "with_top", input_shape=(*SIZE, 3)
    )
    try:
        load_weights(source, weights, BACKBONE)
    except WeightsUnavailable as error:
        raise TrainingError(str(error)) from error
    fold_batch_normalisation(network, source)


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

    def compute() -> dict[str, npt.NDArray[np.float16]]:
        network = build_network(size=KEPT_SIZE)
        load_imagenet(network, weights)
        pooled = keras.layers.GlobalAveragePooling2D()(network.get_layer("depths").output)
        posters = keras.Input((*SIZE, 3))
        magnified = keras.layers.Resizing(*KEPT_SIZE)(posters)
        model = keras.Model(posters, keras.Model(network.input, pooled)(magnified))
        return {"features": run_network(model, images, np.arange(len(images))).astype(np.float16)}

    features = cached(path, {"features": (len(images), POOLED)}, compute)["features"].astype(np.float32)
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
