"""Small heads with random weights."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.head import DenseWeights, GenreHead, LinearWeights
from tests.ml.genres.catalogues import names


def make_weights(features: int = 6, hidden: int = 5, genres: int = 3, seed: int = 0) -> DenseWeights:
    random = np.random.default_rng(seed)

    def draw(*shape: int) -> npt.NDArray[np.float32]:
        return random.normal(size=shape).astype(np.float32)

    return DenseWeights(
        hidden_kernel=draw(features, hidden),
        hidden_bias=draw(hidden),
        output_kernel=draw(hidden, genres),
        output_bias=draw(genres),
        mean=draw(features),
        scale=np.exp(draw(features) / 3),
    )


def make_head(weights: DenseWeights | None = None) -> GenreHead:
    weights = weights or make_weights()
    return GenreHead.with_threshold(weights, names(weights.dims[2]), extractor="made-up-1", recipe="compact")


def make_linear(**fields: Any) -> GenreHead:
    """A linear head of 3 genres for 6 features."""
    random = np.random.default_rng(0)
    kernel, bias, mean, scale = (random.normal(size=shape) for shape in ((6, 3), 3, 6, 6))
    weights = LinearWeights(*(array.astype(np.float32) for array in (kernel, bias, mean, np.exp(scale))))
    return GenreHead(weights, tuple(names(3)), (0.3,) * 3, "made-up-1", "logistic", **fields)
