"""The last touch: inner products with genre logits appended, folded into the projection, nothing lost."""

from __future__ import annotations

import numpy as np
import pytest

from ml.extractor_training.final_transform import finish, touch


def given(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors (300, 6) with a mean of their own, and a head's kernel and bias for three genres."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(300, 6)) * [5, 3, 2, 1, 0.7, 0.5] + random.normal(size=6) * 4
    kernel, bias = random.normal(size=(6, 3)), random.normal(size=3)
    return vectors.astype(np.float32), kernel.astype(np.float32), bias.astype(np.float32)


@pytest.mark.parametrize("pull", [0.0, 0.5, 2.0])
def test_inner_products_are_those_with_scaled_logits_appended(pull):
    vectors, kernel, _ = given()
    by = touch(vectors, kernel, pull)
    touched = (vectors - by.mean) @ by.matrix
    centred = vectors - vectors.mean(axis=0)
    logits = centred @ kernel
    logits *= pull * np.sqrt((centred**2).sum(axis=1).mean() / (logits**2).sum(axis=1).mean())
    together = np.concatenate([centred, logits], axis=1)
    np.testing.assert_allclose(touched @ touched.T, together @ together.T, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(touched.mean(axis=0), 0, atol=1e-4)


def test_genre_logits_survive_it():
    vectors, kernel, bias = given()
    by = touch(vectors, kernel, 0.7)
    turned, moved = by.head(kernel, bias)
    touched = (vectors - by.mean) @ by.matrix
    np.testing.assert_allclose(touched @ turned + moved, vectors @ kernel + bias, rtol=1e-4, atol=1e-4)


def test_posters_of_one_genre_come_nearer():
    random = np.random.default_rng(5)
    genre = np.repeat([-1, 1], 100)
    vectors = random.normal(size=(200, 8)) * 3
    vectors[:, 7] = genre + random.normal(size=200) * 0.3
    kernel = np.zeros((8, 1))
    kernel[7] = 1

    def cosine(pull: float) -> float:
        by = touch(vectors.astype(np.float32), kernel.astype(np.float32), pull)
        seen = (vectors - by.mean) @ by.matrix
        seen /= np.linalg.norm(seen, axis=1, keepdims=True)
        return float((seen @ seen.T)[:100, :100].mean())

    assert cosine(1.0) > cosine(0.3) > cosine(0.0)


def test_a_head_that_says_nothing_only_centres():
    vectors, kernel, _ = given()
    np.testing.assert_allclose(touch(vectors, kernel * 0, 0.5).matrix, np.eye(6), atol=1e-12)


class Projection:
    """As much of a Keras network as is touched: one projection layer."""

    def __init__(self) -> None:
        random = np.random.default_rng(1)
        self.weights = [random.normal(size=(1, 1, 9, 6)), random.normal(size=6)]

    def get_layer(self, name: str) -> Projection:
        assert name == "projection"
        return self

    def get_weights(self) -> list[np.ndarray]:
        return self.weights

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.weights = weights

    def vectors(self, depths: np.ndarray) -> np.ndarray:
        return depths @ self.weights[0][0, 0] + self.weights[1]


def test_what_is_folded_in_is_what_the_vectors_would_become():
    network, depths = Projection(), np.random.default_rng(2).normal(size=(50, 9))
    before = network.vectors(depths)
    by = touch(before.astype(np.float32), given()[1], 0.6)
    finish(network, by)
    np.testing.assert_allclose(network.vectors(depths), (before - by.mean) @ by.matrix, rtol=1e-3, atol=1e-4)
