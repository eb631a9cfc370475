"""A trained network: its weights as plain arrays, the mean of several, and the final linear transform."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.files import UNREADABLE_ARRAYS, write_bytes

from .errors import TrainingError

TRAINED = "trained.npz"
# Added to every deviation, so that features that hardly vary are not magnified.
_MIN_DEVIATION = 1e-3
# Names of arrays in the file: the head, and whether the final transform is still to be applied.
KERNEL, BIAS, UNTRANSFORMED = "hw", "hb", "untouched"

Arrays = dict[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float32]
Floats64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Head:
    """The genre head of a network: kernel (dims, genres), bias (genres,); transformed: whether the final
    transform has been applied to the network."""

    kernel: Floats
    bias: Floats
    transformed: bool


def save_network(path: Path, network: Any, head: Head) -> None:
    """Write the arrays a0, a1, ... in the order of `network.get_weights()`, and the head (hw and hb)."""
    content = io.BytesIO()
    arrays: Arrays = {f"a{number}": array for number, array in enumerate(network.get_weights())}
    arrays |= {KERNEL: head.kernel, BIAS: head.bias, UNTRANSFORMED: np.array(not head.transformed)}
    np.savez(content, allow_pickle=False, **arrays)
    write_bytes(path, content.getvalue())


def load_networks(paths: Sequence[Path], network: Any) -> Head:
    """Fill a network of `build_network` with the mean of one or more saved networks; the mean of their heads.

    The mean of runs that started alike with different settings is often better than each of them, at no cost
    (Wortsman et al., "Model soups", 2022). Files without the flag count as transformed.

    Raises TrainingError if a file can't be read or does not fit this network, if transformed and
    untransformed networks are mixed, or if the numbers of genres differ.
    """
    expected = [array.shape for array in network.get_weights()]
    files = [_read(path, expected) for path in paths]
    untransformed = {bool(file.get(UNTRANSFORMED, False)) for file in files}
    if len(untransformed) > 1:
        raise TrainingError("Networks before and after the final transform can't be averaged.")
    if len({(file[KERNEL].shape, file[BIAS].shape) for file in files}) > 1:
        raise TrainingError("Networks trained on different numbers of genres can't be averaged.")

    def mean(name: str) -> Floats:
        return np.asarray(np.mean([file[name] for file in files], axis=0, dtype=np.float64), dtype=np.float32)

    network.set_weights([mean(f"a{number}") for number in range(len(expected))])
    return Head(mean(KERNEL), mean(BIAS), transformed=not untransformed.pop())


def _read(path: Path, expected: Sequence[tuple[int, ...]]) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, TypeError, AttributeError, *UNREADABLE_ARRAYS) as error:
        raise TrainingError(f"{path} can't be read as a trained network: {error}.") from error
    shapes = {f"a{number}": shape for number, shape in enumerate(expected)}
    if set(arrays) - {UNTRANSFORMED} != {*shapes, KERNEL, BIAS}:
        raise TrainingError(
            f"{path} does not fit this network: it needs the arrays {KERNEL}, {BIAS} and a0 to "
            f"a{len(expected) - 1}."
        )
    for name, array in arrays.items():
        if name == UNTRANSFORMED:
            continue
        if array.dtype.kind != "f" or array.shape != shapes.get(name, array.shape):
            raise TrainingError(
                f"{name} in {path} is {array.dtype} of shape {array.shape}; this network needs floats of "
                f"shape {shapes.get(name, '(dims, genres)')}."
            )
        if not np.isfinite(array).all():
            raise TrainingError(f"{name} in {path} holds numbers that are not finite.")
    return arrays


@dataclass(frozen=True)
class FinalTransform:
    """vectors (n, d) become (vectors - mean) @ matrix. mean (d,), matrix (d, d) symmetric and invertible."""

    mean: Floats64
    matrix: Floats64

    def head(self, kernel: Floats, bias: Floats) -> tuple[Floats, Floats]:
        """Adapt a linear head's kernel (d, genres) and bias (genres,) so that its logits stay the same."""
        adapted = np.linalg.solve(self.matrix, kernel.astype(np.float64))
        return adapted.astype(np.float32), (bias + self.mean @ kernel).astype(np.float32)


def final_transform(vectors: Floats, kernel: Floats, pull: float) -> FinalTransform:
    """Centre vectors (n, d), and stretch them so that posters of similar genres come nearer.

    kernel (d, genres): of the genre head. Inner products of transformed vectors are those of the centred
    vectors with their genre logits appended, where the logits are scaled to `pull` times the length of the
    vectors (root mean square): the matrix is the symmetric root of I + (pull s)^2 W W'. docs/training.md
    shows what it gains; it costs neither dimensions nor time.
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors - mean
    weights = kernel.astype(np.float64)
    length = np.sqrt((centred**2).sum(axis=1).mean())
    logit_length = np.sqrt(((centred @ weights) ** 2).sum(axis=1).mean())
    scale = pull * length / logit_length if logit_length > 0 else 0.0
    values, directions = np.linalg.eigh(np.eye(len(weights)) + scale**2 * weights @ weights.T)
    return FinalTransform(mean, (directions * np.sqrt(values)) @ directions.T)


def apply_transform(network: Any, transform: FinalTransform) -> None:
    """Fold a transform into the `projection` layer of a network.

    Its map changes with its vectors: each place gets the whole bias, so the map's mean still is the vector.
    """
    projection = network.get_layer("projection")
    kernel, bias = projection.get_weights()
    matrix, mean = transform.matrix, transform.mean
    projection.set_weights(
        [(kernel @ matrix).astype(np.float32), ((bias - mean) @ matrix).astype(np.float32)]
    )


@dataclass(frozen=True)
class Affine:
    """features (n, d) become features @ kernel + bias. kernel (d, dims), bias (dims,)."""

    kernel: Floats64
    bias: Floats64


def apply_pooled_features(network: Any, features: Floats, share: float, whitening: float) -> None:
    """Change the `projection` layer of a network as `joined_projection` says. features: see there."""
    projection = network.get_layer("projection")
    kernel, bias = projection.get_weights()
    trained = Affine(kernel[0, 0].astype(np.float64), bias.astype(np.float64))
    joined = joined_projection(features, trained, share, whitening)
    projection.set_weights([joined.kernel[None, None].astype(np.float32), joined.bias.astype(np.float32)])


def joined_projection(features: Floats, trained: Affine, share: float, whitening: float) -> Affine:
    """Compute a projection of pooled layers that keeps more of them than the trained one.

    features (n, d): the pooled layers of the training posters. trained: the projection (d, dims) of the
    network. Its vector and the pooled layers are standardised, so that no dimension dominates. The pooled
    layers get the length `share` times that of the vector. The result is their first `dims` principal
    components, each divided by the power `whitening` of its deviation: 0 is PCA, 1 is whitening. Finally all
    numbers get deviation 1.

    Raises TrainingError if the features do not vary.
    """
    dims = trained.kernel.shape[1]
    parts = []
    for values, length in (
        (features @ trained.kernel + trained.bias, 1.0),
        (features.astype(np.float64), share),
    ):
        deviation = values.std(axis=0) + _MIN_DEVIATION
        parts.append((values, values.mean(axis=0), length / deviation / np.sqrt(values.shape[1])))
    mean, scale = (np.concatenate([part[place] for part in parts]) for place in (1, 2))
    standard = (np.concatenate([part[0] for part in parts], axis=1) - mean) * scale
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
    kernel = trained.kernel @ matrix[:dims] + matrix[dims:]
    bias = (trained.bias - mean[:dims]) @ matrix[:dims] - mean[dims:] @ matrix[dims:]
    return Affine(kernel, bias)
