"""Where a training begins: ImageNet's convolutions, and new layers that already make sense.

Fine-tuning at once from random new layers would first destroy what the convolutions know (Kumar et al.,
"Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", 2022), so the projection
comes from principal components and the genre head from logistic regression, before a single step is taken.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.extractors.weights import WeightsFile, WeightsUnavailable, require_weights
from ml.genres.logistic import fit_logistic

from .errors import TrainingError

BACKBONE = "mobilenet_v2"
# Added to every deviation: features that hardly ever stir must not be blown up.
_LEAST_DEVIATION = 0.02
# Variances below this share of the largest are rounding.
_LEAST_VARIANCE = 1e-6
# Strength of the first genre head, times the number of posters.
_HEAD_STRENGTH = 100.0

Floats = npt.NDArray[np.float32]


def imagenet_weights(named: Path | None) -> WeightsFile:
    """The ImageNet weights in the folder `named` (or Keras' own), or the file of that name.

    Raises TrainingError if there are none, saying how to get them.
    """
    if named is not None and named.is_file():
        return WeightsFile(named, "no_top" if "no_top" in named.name else "with_top")
    if named is not None and not named.is_dir() and named.suffix == ".h5":
        raise TrainingError(
            f"There is no file {named}: run `manage.py fetch_weights {BACKBONE}`, or name another."
        )
    try:
        return require_weights(BACKBONE, named)
    except WeightsUnavailable as error:
        raise TrainingError(
            f"{error} Or begin with random weights by --from-scratch, which needs far more posters."
        ) from error


def first_projection(depths: Floats, dims: int) -> Floats:
    """A projection (d, dims) of pooled depths (n, d): their first principal components, half whitened.

    Depths are standardised first, so that each layer has its say; components are divided by the square root
    of their deviations (half way between none, where a few say everything, and all alike); at the end, all
    numbers together have deviation 1. Where n is small the last components are zero.
    """
    deviation = depths.std(axis=0, dtype=np.float64) + _LEAST_DEVIATION
    standard = (depths - depths.mean(axis=0, dtype=np.float64)) / deviation
    variances, directions = np.linalg.eigh(standard.T @ standard / len(standard))
    order = np.argsort(-variances)[:dims]
    found = variances[order]
    # What posters do not vary in would only be rounding, blown up.
    gain = np.where(found > found[0] * _LEAST_VARIANCE, np.maximum(found, 1e-12) ** -0.25, 0.0)
    projection = directions[:, order] / deviation[:, None] * gain
    spread = float((depths @ projection).std())
    if not np.isfinite(spread) or spread <= 0:
        raise TrainingError("The posters all look the same to the first weights: are they posters?")
    return np.asarray(projection / spread, dtype=np.float32)


def first_head(vectors: Floats, labels: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Kernel (dims, genres) and bias (genres,) of a strongly regularised logistic regression a genre."""
    found = fit_logistic(
        vectors, labels, _HEAD_STRENGTH / len(vectors), vectors.var(axis=0, dtype=np.float64)
    )
    return found[:-1].astype(np.float32), found[-1].astype(np.float32)
