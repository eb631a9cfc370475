"""The projection that keeps more of the pooled layers than the trained one, against slow references."""

from __future__ import annotations

import numpy as np
import pytest

from ml.extractor_training.errors import TrainingError
from ml.extractor_training.trained_network import Affine, joined_projection

COUNT, CHANNELS, DIMS = 60, 10, 4


def features(seed: int = 0) -> tuple[np.ndarray, Affine]:
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(CHANNELS, CHANNELS))
    values = (random.normal(size=(COUNT, CHANNELS)) @ mixing + 3).astype(np.float32)
    return values, Affine(random.normal(size=(CHANNELS, DIMS)), random.normal(size=DIMS))


def projected(values: np.ndarray, trained: Affine, share: float, whitening: float) -> np.ndarray:
    found = joined_projection(values, trained, share, whitening)
    assert found.kernel.shape == (CHANNELS, DIMS) and found.bias.shape == (DIMS,)
    return values.astype(np.float64) @ found.kernel + found.bias


def test_it_is_the_principal_components_of_the_standardised_parts():
    values, trained = features()
    vectors = projected(values, trained, 0.6, 0.0)
    own = values @ trained.kernel + trained.bias
    parts = [(part - part.mean(axis=0)) / part.std(axis=0) for part in (own, values)]
    joined = np.hstack([parts[0] / np.sqrt(DIMS), 0.6 * parts[1] / np.sqrt(CHANNELS)])
    left, lengths, _ = np.linalg.svd(joined, full_matrices=False)
    expected = (left * lengths)[:, :DIMS]
    expected /= np.sqrt((expected**2).mean())
    np.testing.assert_allclose(vectors @ vectors.T, expected @ expected.T, rtol=0.01, atol=0.02)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-6)


def test_whitening_makes_components_alike():
    values, trained = features()
    spread = [projected(values, trained, 0.6, whitening).std(axis=0) for whitening in (0.0, 0.5, 1.0)]
    ratios = [found.max() / found.min() for found in spread]
    assert ratios[0] > ratios[1] > ratios[2] == pytest.approx(1, abs=1e-6)


def test_without_a_share_the_trained_vector_remains():
    values, trained = features()
    vectors = projected(values, trained, 0.0, 0.0)
    own = values @ trained.kernel
    own = (own - own.mean(axis=0)) / own.std(axis=0)
    np.testing.assert_allclose(vectors @ vectors.T, own @ own.T, rtol=0.01, atol=0.05)


def test_features_that_do_not_vary_are_refused():
    values, trained = features()
    with pytest.raises(TrainingError):
        joined_projection(np.ones_like(values), trained, 0.6, 0.25)
