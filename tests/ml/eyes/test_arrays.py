"""A finished network's arrays are read back as they were, and others are refused with what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.eyes.arrays import load_arrays, save_arrays
from ml.eyes.errors import EyesError


class Network:
    """As much of a Keras network as is touched: two arrays."""

    def __init__(self, value: float) -> None:
        self.weights = [np.full((2, 3), value, dtype=np.float32), np.full(4, value, dtype=np.float32)]

    def get_weights(self) -> list[np.ndarray]:
        return self.weights

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.weights = weights


def test_a_network_is_filled_with_what_was_kept(tmp_path: Path) -> None:
    save_arrays(tmp_path / "trained.npz", Network(7.0), np.ones((4, 2)), np.ones(2))
    network = Network(0.0)
    load_arrays(tmp_path / "trained.npz", network)
    assert all((array == 7).all() and array.dtype == np.float32 for array in network.weights)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a0": np.ones((2, 3))}, "holds 1 arrays and not a0 to a1"),
        ({"a0": np.ones((2, 3)), "a2": np.ones(4)}, "not a0 to a1"),
        ({"a0": np.ones((3, 2)), "a1": np.ones(4)}, r"a0 .* of shape \(3, 2\)"),
        ({"a0": np.ones((2, 3)), "a1": np.array(["x"] * 4)}, "a1 .* has numbers"),
        ({"a0": np.ones((2, 3)), "a1": np.full(4, np.inf)}, "a1 .* not finite"),
        ({"a0": np.ones((2, 3)), "a1": np.array([None] * 4)}, "can't be read as a trained network"),
    ],
)
def test_arrays_of_something_else_are_refused(tmp_path: Path, arrays: dict, words: str) -> None:
    np.savez(tmp_path / "other.npz", **arrays)
    network = Network(0.0)
    with pytest.raises(EyesError, match=words):
        load_arrays(tmp_path / "other.npz", network)
    assert (network.weights[0] == 0).all()


@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY bare", b"PK\x03\x04 cut short"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "other.npz").write_bytes(content)
    with pytest.raises(EyesError, match=r"other\.npz can't be read as a trained network"):
        load_arrays(tmp_path / "other.npz", Network(0.0))
