"""A trained network and the frozen ImageNet network, combined into one vector of the usual length.

Fine-tuning on genres makes a network forget what distinguishes one series from another. ImageNet's features
still know it. The first blocks are the same in both, so the second network costs less than the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.extractors.weights import WeightsFile

from .errors import TrainingError
from .initial_weights import load_imagenet
from .network import IMAGENET, build_combined_network, build_network, pooled_depths

# Added to every deviation, so that features that hardly vary are not magnified.
_MIN_DEVIATION = 1e-3

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Floats64 = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Affine:
    """features (n, d) become features @ kernel + bias. kernel (d, dims), bias (dims,)."""

    kernel: Floats64
    bias: Floats64


def combine(
    network: Any, weights: WeightsFile, images: Bytes, rows: Indexes, share: float, whitening: float
) -> Any:
    """Return a network whose vector contains those of `network` and ImageNet's features.

    network: from `build_network`, with the final transform. images (n, 288, 192, 3) uint8; rows (m,): the
    training posters. share, whitening: see `combined_projection`. Raises TrainingError for unusable weights,
    or if the frozen blocks of `network` are not ImageNet's.
    """
    imagenet = build_network()
    load_imagenet(imagenet, weights)
    _check_frozen_blocks(network, imagenet)
    combined = build_combined_network()
    for layer in combined.layers:
        if layer.weights and layer.name != "projection":
            source = imagenet if layer.name.startswith(IMAGENET) else network
            layer.set_weights(source.get_layer(layer.name.removeprefix(IMAGENET)).get_weights())
    kernel, bias = network.get_layer("projection").get_weights()
    trained = Affine(kernel[0, 0].astype(np.float64), bias.astype(np.float64))
    projection = combined_projection(pooled_depths(combined, images, rows), trained, share, whitening)
    combined.get_layer("projection").set_weights(
        [projection.kernel[None, None].astype(np.float32), projection.bias.astype(np.float32)]
    )
    return combined


def combined_projection(features: Floats, trained: Affine, share: float, whitening: float) -> Affine:
    """Compute one projection of the pooled layers of both networks.

    features (n, 2 d): pooled layers of the trained network, then of ImageNet's. trained: the projection
    (d, dims) of the trained network. Its vector and the features of ImageNet are standardised, so that no
    dimension dominates. ImageNet's get the length `share` times that of the vector. The result is their first
    `dims` principal components, each divided by the power `whitening` of its deviation: 0 is PCA, 1 is
    whitening. Finally all numbers get deviation 1.

    Raises TrainingError if the features do not vary.
    """
    count, dims = trained.kernel.shape
    vectors = features[:, :count] @ trained.kernel + trained.bias
    kept = features[:, count:].astype(np.float64)
    parts = []
    for values, length in ((vectors, 1.0), (kept, share)):
        deviation = values.std(axis=0) + _MIN_DEVIATION
        parts.append((values.mean(axis=0), length / deviation / np.sqrt(values.shape[1])))
    mean, scale = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
    standard = (np.concatenate([vectors, kept], axis=1) - mean) * scale
    variances, directions = np.linalg.eigh(standard.T @ standard / len(standard))
    order = np.argsort(-variances)[:dims]
    if not variances[order[0]] > 1e-9:
        raise TrainingError("The network gives all posters the same vector: are they posters?")
    # Components that do not vary, of few posters, stay small.
    matrix = directions[:, order] * np.maximum(variances[order], variances[order[0]] * 1e-6) ** (
        -whitening / 2
    )
    matrix /= np.sqrt(((standard @ matrix) ** 2).mean())
    matrix = scale[:, None] * matrix
    kernel = np.concatenate([trained.kernel @ matrix[:dims], matrix[dims:]])
    bias = (trained.bias - mean[:dims]) @ matrix[:dims] - mean[dims:] @ matrix[dims:]
    return Affine(kernel, bias)


def _check_frozen_blocks(network: Any, imagenet: Any) -> None:
    for layer in network.layers:
        if layer.weights and not layer.trainable:
            theirs = imagenet.get_layer(layer.name).get_weights()
            # Half precision, in case the network was read from a file of a site.
            if not all(
                np.allclose(mine, other, rtol=2e-3, atol=2e-3)
                for mine, other in zip(layer.get_weights(), theirs, strict=True)
            ):
                raise TrainingError(
                    f"The layer {layer.name} of the trained network is not that of these ImageNet weights: "
                    "name the weights that it was trained from, or use --set imagenet_share=0."
                )
