"""A trained network's arrays are read back, averaged if there are several, and others are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.extractor_training.arrays import Head, load_arrays, save_arrays
from ml.extractor_training.errors import TrainingError


class Network:
    """As much of a Keras network as is touched: two arrays."""

    def __init__(self, value: float) -> None:
        self.weights = [np.full((2, 3), value, dtype=np.float32), np.full(4, value, dtype=np.float32)]

    def get_weights(self) -> list[np.ndarray]:
        return self.weights

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.weights = weights


def head(value: float, untouched: bool = True, genres: int = 2) -> Head:
    return Head(np.full((4, genres), value, np.float32), np.full(genres, value, np.float32), untouched)


def test_a_network_is_filled_with_what_was_kept(tmp_path: Path) -> None:
    save_arrays(tmp_path / "trained.npz", Network(7.0), head(3.0))
    network = Network(0.0)
    found = load_arrays([tmp_path / "trained.npz"], network)
    assert all((array == 7).all() and array.dtype == np.float32 for array in network.weights)
    assert (found.kernel == 3).all() and found.kernel.shape == (4, 2) and found.untouched


def test_several_networks_give_their_mean(tmp_path: Path) -> None:
    paths = [tmp_path / "one.npz", tmp_path / "other.npz"]
    for path, value in zip(paths, (1.0, 2.0), strict=True):
        save_arrays(path, Network(value), head(10 * value))
    network = Network(0.0)
    found = load_arrays(paths, network)
    assert all((array == 1.5).all() for array in network.weights)
    assert (found.bias == 15).all()


def test_finished_and_unfinished_ones_or_other_genres_are_not_mixed(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.npz", Network(1.0), head(1.0))
    save_arrays(tmp_path / "b.npz", Network(1.0), head(1.0, untouched=False))
    save_arrays(tmp_path / "c.npz", Network(1.0), head(1.0, genres=3))
    with pytest.raises(TrainingError, match="name files of one kind"):
        load_arrays([tmp_path / "a.npz", tmp_path / "b.npz"], Network(0.0))
    with pytest.raises(TrainingError, match="different numbers of genres"):
        load_arrays([tmp_path / "a.npz", tmp_path / "c.npz"], Network(0.0))


GOOD = {"a0": np.ones((2, 3)), "a1": np.ones(4), "hw": np.ones((4, 2)), "hb": np.ones(2)}


def test_a_file_that_does_not_say_so_is_finished(tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", allow_pickle=False, **GOOD)
    assert not load_arrays([tmp_path / "plain.npz"], Network(0.0)).untouched


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"a1": None}, "does not hold hw, hb and a0 to a1"),
        ({"hb": None}, "does not hold hw, hb"),
        ({"a2": np.ones(4)}, "does not hold hw, hb"),
        ({"a0": np.ones((3, 2))}, r"a0 .* of shape \(3, 2\)"),
        ({"a1": np.array(["x"] * 4)}, "a1 .* has numbers"),
        ({"a1": np.full(4, np.inf)}, "a1 .* not finite"),
        ({"hw": np.full((4, 2), np.nan)}, "hw .* not finite"),
        ({"a1": np.array([None] * 4)}, "can't be read as a trained network"),
    ],
)
def test_arrays_of_something_else_are_refused(tmp_path: Path, changed: dict, words: str) -> None:
    arrays = {name: array for name, array in (GOOD | changed).items() if array is not None}
    np.savez(tmp_path / "other.npz", **arrays)
    network = Network(0.0)
    with pytest.raises(TrainingError, match=words):
        load_arrays([tmp_path / "other.npz"], network)
    assert (network.weights[0] == 0).all()


@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY bare", b"PK\x03\x04 cut short"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "other.npz").write_bytes(content)
    with pytest.raises(TrainingError, match=r"other\.npz can't be read as a trained network"):
        load_arrays([tmp_path / "other.npz"], Network(0.0))
