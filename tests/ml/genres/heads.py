"""Small heads with random weights."""

import numpy as np

from ml.genres.head import GenreHead, HeadWeights
from tests.ml.genres.catalogues import names


def make_weights(features: int = 6, hidden: int = 5, genres: int = 3, seed: int = 0) -> HeadWeights:
    random = np.random.default_rng(seed)
    return HeadWeights(
        hidden_kernel=random.normal(size=(features, hidden)),
        hidden_bias=random.normal(size=hidden),
        output_kernel=random.normal(size=(hidden, genres)),
        output_bias=random.normal(size=genres),
        mean=random.normal(size=features),
        scale=random.uniform(0.5, 2, features),
    )


def make_head(weights: HeadWeights | None = None) -> GenreHead:
    weights = weights or make_weights()
    return GenreHead.with_threshold(weights, names(weights.dims[2]), extractor="made-up-1", recipe="sample")
