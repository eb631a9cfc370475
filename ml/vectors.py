"""Vectors of length one."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Vectors = TypeVar("Vectors", npt.NDArray[np.float32], npt.NDArray[np.float64])

# Closer to the centre than this share of its length, a vector's direction is rounding only.
_SHORTEST = 1e-6


def unit_vectors(vectors: Vectors, centre: Vectors | None = None) -> Vectors:
    """Vectors (..., dims) scaled to length 1, measured from `centre` (dims,) or else from the origin.

    A vector at that point becomes zero. The dtype stays.
    """
    moved = vectors if centre is None else vectors - centre
    lengths = np.linalg.norm(moved, axis=-1, keepdims=True)
    zero = lengths <= _SHORTEST * np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(zero, 0, moved / np.where(zero, 1, lengths)).astype(vectors.dtype)
