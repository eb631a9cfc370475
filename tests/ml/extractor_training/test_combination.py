"""A trained network and ImageNet's in one vector: the network from `made_training`, the projection here."""

from __future__ import annotations

import numpy as np
import pytest

from ml.extractor_training.combination import Affine, combined_projection
from ml.extractor_training.errors import TrainingError

COUNT, CHANNELS, DIMS = 400, 7, 5


@pytest.fixture(scope="module")
def combined(training_output):
    return dict(np.load(training_output / "combined.npz"))


@pytest.mark.timeout(900)
def test_the_combined_network_has_the_layers_of_both(combined):
    np.testing.assert_allclose(combined["depths"], combined["of_parts"], atol=1e-5)
    np.testing.assert_allclose(combined["map_mean"], combined["vector"], atol=1e-4)
    alone, both = combined["numbers"]
    assert alone < both < 2 * alone


@pytest.mark.timeout(900)
def test_its_vector_is_the_projection_of_both(combined):
    vectors = combined["vector"].astype(np.float64)
    # Six posters span five directions, which hold what the trained vector and the features of ImageNet vary.
    assert vectors.std() == pytest.approx(1, abs=0.05)
    assert np.linalg.matrix_rank(vectors - vectors.mean(axis=0), tol=1e-3) == 5
    assert not np.allclose(vectors, combined["trained"], atol=0.1)


@pytest.mark.timeout(900)
def test_a_network_with_other_first_blocks_is_refused(combined):
    assert "is not that of these ImageNet weights" in str(combined["refused"])


def features(seed: int = 0) -> tuple[np.ndarray, Affine]:
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(2 * CHANNELS, 2 * CHANNELS))
    values = (random.normal(size=(COUNT, 2 * CHANNELS)) @ mixing + 3).astype(np.float32)
    return values, Affine(random.normal(size=(CHANNELS, DIMS)), random.normal(size=DIMS))


def projected(values: np.ndarray, trained: Affine, share: float, whitening: float) -> np.ndarray:
    found = combined_projection(values, trained, share, whitening)
    assert found.kernel.shape == (2 * CHANNELS, DIMS) and found.bias.shape == (DIMS,)
    return values.astype(np.float64) @ found.kernel + found.bias


def test_it_is_the_principal_components_of_the_standardised_parts():
    values, trained = features()
    vectors = projected(values, trained, 0.6, 0.0)
    own = values[:, :CHANNELS] @ trained.kernel + trained.bias
    parts = [(part - part.mean(axis=0)) / part.std(axis=0) for part in (own, values[:, CHANNELS:])]
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
    own = values[:, :CHANNELS] @ trained.kernel
    own = (own - own.mean(axis=0)) / own.std(axis=0)
    np.testing.assert_allclose(vectors @ vectors.T, own @ own.T, rtol=0.01, atol=0.05)


def test_features_that_do_not_vary_are_refused():
    values, trained = features()
    with pytest.raises(TrainingError):
        combined_projection(np.ones_like(values), trained, 0.6, 0.25)
