"""Trained networks: saved, averaged and refused; the final transform is folded into the projection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.extractor_training.errors import TrainingError
from ml.extractor_training.trained_network import (
    Head,
    apply_transform,
    final_transform,
    load_networks,
    save_network,
)


class Network:
    """A stand-in for a Keras network of two arrays."""

    def __init__(self, value: float) -> None:
        self.weights = [np.full((2, 3), value, dtype=np.float32), np.full(4, value, dtype=np.float32)]

    def get_weights(self) -> list[np.ndarray]:
        return self.weights

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.weights = weights


def head(value: float, transformed: bool = False, genres: int = 2) -> Head:
    return Head(np.full((4, genres), value, np.float32), np.full(genres, value, np.float32), transformed)


@pytest.mark.parametrize("values", [(7.0,), (1.0, 2.0)])
def test_the_mean_of_saved_networks_is_read_back(tmp_path: Path, values: tuple[float, ...]) -> None:
    paths = [tmp_path / f"{value}.npz" for value in values]
    for path, value in zip(paths, values, strict=True):
        save_network(path, Network(value), head(10 * value))
    network, mean = Network(0.0), sum(values) / len(values)
    found = load_networks(paths, network)
    assert all((array == mean).all() and array.dtype == np.float32 for array in network.weights)
    assert found.kernel.shape == (4, 2) and not found.transformed
    assert (found.kernel == 10 * mean).all() and (found.bias == 10 * mean).all()


def test_transformed_and_untransformed_networks_or_other_genres_are_not_mixed(tmp_path: Path) -> None:
    save_network(tmp_path / "a.npz", Network(1.0), head(1.0))
    save_network(tmp_path / "b.npz", Network(1.0), head(1.0, transformed=True))
    save_network(tmp_path / "c.npz", Network(1.0), head(1.0, genres=3))
    with pytest.raises(TrainingError, match="final transform"):
        load_networks([tmp_path / "a.npz", tmp_path / "b.npz"], Network(0.0))
    with pytest.raises(TrainingError, match="different numbers of genres"):
        load_networks([tmp_path / "a.npz", tmp_path / "c.npz"], Network(0.0))


GOOD = {"a0": np.ones((2, 3)), "a1": np.ones(4), "hw": np.ones((4, 2)), "hb": np.ones(2)}


def test_a_file_without_the_flag_is_transformed(tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", allow_pickle=False, **GOOD)
    assert load_networks([tmp_path / "plain.npz"], Network(0.0)).transformed


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"a1": None}, "hw, hb and a0 to a1"),
        ({"hb": None}, "needs the arrays hw, hb"),
        ({"a2": np.ones(4)}, "needs the arrays hw, hb"),
        ({"a0": np.ones((3, 2))}, r"a0 .* of shape \(3, 2\)"),
        ({"a1": np.array(["x"] * 4)}, "a1 .* needs floats"),
        ({"a1": np.full(4, np.inf)}, "a1 .* not finite"),
        ({"hw": np.full((4, 2), np.nan)}, "hw .* not finite"),
        ({"a1": np.array([None] * 4)}, "can't be read as a trained network"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, changed: dict, words: str) -> None:
    arrays = {name: array for name, array in (GOOD | changed).items() if array is not None}
    np.savez(tmp_path / "other.npz", **arrays)
    network = Network(0.0)
    with pytest.raises(TrainingError, match=words):
        load_networks([tmp_path / "other.npz"], network)
    assert (network.weights[0] == 0).all()


@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY bare", b"PK\x03\x04 cut short"])
def test_an_unreadable_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "other.npz").write_bytes(content)
    with pytest.raises(TrainingError, match=r"other\.npz can't be read as a trained network"):
        load_networks([tmp_path / "other.npz"], Network(0.0))


def given(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors (300, 6) with a mean of their own, and a head's kernel and bias for three genres."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(300, 6)) * [5, 3, 2, 1, 0.7, 0.5] + random.normal(size=6) * 4
    kernel, bias = random.normal(size=(6, 3)), random.normal(size=3)
    return vectors.astype(np.float32), kernel.astype(np.float32), bias.astype(np.float32)


@pytest.mark.parametrize("pull", [0.0, 0.5, 2.0])
def test_inner_products_are_those_with_scaled_logits_appended(pull):
    vectors, kernel, _ = given()
    transform = final_transform(vectors, kernel, pull)
    transformed = (vectors - transform.mean) @ transform.matrix
    centred = vectors - vectors.mean(axis=0)
    logits = centred @ kernel
    logits *= pull * np.sqrt((centred**2).sum(axis=1).mean() / (logits**2).sum(axis=1).mean())
    together = np.concatenate([centred, logits], axis=1)
    np.testing.assert_allclose(transformed @ transformed.T, together @ together.T, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(transformed.mean(axis=0), 0, atol=1e-4)


def test_genre_logits_stay_the_same():
    vectors, kernel, bias = given()
    transform = final_transform(vectors, kernel, 0.7)
    new_kernel, new_bias = transform.head(kernel, bias)
    transformed = (vectors - transform.mean) @ transform.matrix
    np.testing.assert_allclose(
        transformed @ new_kernel + new_bias, vectors @ kernel + bias, rtol=1e-4, atol=1e-4
    )


def test_posters_of_one_genre_come_nearer():
    random = np.random.default_rng(5)
    genre = np.repeat([-1, 1], 100)
    vectors = random.normal(size=(200, 8)) * 3
    vectors[:, 7] = genre + random.normal(size=200) * 0.3
    kernel = np.zeros((8, 1))
    kernel[7] = 1

    def cosine(pull: float) -> float:
        transform = final_transform(vectors.astype(np.float32), kernel.astype(np.float32), pull)
        moved = (vectors - transform.mean) @ transform.matrix
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        return float((moved @ moved.T)[:100, :100].mean())

    assert cosine(1.0) > cosine(0.3) > cosine(0.0)


def test_a_head_of_zeros_only_centres():
    vectors, kernel, _ = given()
    np.testing.assert_allclose(final_transform(vectors, kernel * 0, 0.5).matrix, np.eye(6), atol=1e-12)


class Projection(Network):
    """A stand-in for a Keras network of one projection layer."""

    def __init__(self) -> None:
        random = np.random.default_rng(1)
        self.weights = [random.normal(size=size).astype(np.float32) for size in ((1, 1, 9, 6), 6)]

    def get_layer(self, name: str) -> Projection:
        assert name == "projection"
        return self

    def vectors(self, features: np.ndarray) -> np.ndarray:
        return features @ self.weights[0][0, 0] + self.weights[1]


def test_the_folded_transform_gives_the_transformed_vectors():
    network, features = Projection(), np.random.default_rng(2).normal(size=(50, 9))
    before = network.vectors(features)
    transform = final_transform(before.astype(np.float32), given()[1], 0.6)
    apply_transform(network, transform)
    np.testing.assert_allclose(
        network.vectors(features), (before - transform.mean) @ transform.matrix, rtol=1e-3, atol=1e-4
    )
