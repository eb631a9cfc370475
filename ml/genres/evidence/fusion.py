"""Late fusion: the logits of the parts that a film has become one logit per genre.

Each combination of parts has its own linear map, so a missing part is missing and not zero. The map takes the
logits of all genres of each part: that a film looks like Horror says something about Thriller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ml.genres.head import sigmoid

Float32 = npt.NDArray[np.float32]

# How many of a film's scores the balance looks at by rank.
TOP = 5


@dataclass(frozen=True)
class Fusion:
    """The map of one combination of k parts: kernel (k, g, g) float32, from the genres of a part to those of
    the result, and bias (g,) float32."""

    kernel: Float32
    bias: Float32

    def logits(self, parts: Float32) -> Float32:
        """Logits (n, g) float32 of the parts' logits (k, n, g)."""
        result = np.repeat(self.bias[None], parts.shape[1], axis=0)
        for logits, kernel in zip(parts, self.kernel, strict=True):
            result += logits @ kernel
        return result

    def used(self, parts: Sequence[str]) -> tuple[str, ...]:
        """Those of its k parts that it uses; the weights of the others are all 0."""
        return tuple(part for part, weights in zip(parts, self.kernel, strict=True) if weights.any())

    def among(self, parts: Sequence[str], more: Sequence[str]) -> Fusion:
        """The same map for films with `more` parts than its own `parts`, which does not use the others."""
        kernel = np.zeros((len(more), *self.kernel.shape[1:]), dtype=np.float32)
        kernel[[list(more).index(part) for part in parts]] = self.kernel
        return Fusion(kernel, self.bias)

    @classmethod
    def identity(cls, genres: int) -> Fusion:
        """The map of a single part that changes nothing."""
        return cls(np.eye(genres, dtype=np.float32)[None], np.zeros(genres, dtype=np.float32))


@dataclass(frozen=True)
class Balance:
    """Weighs the genres of a film against each other: films have two or three genres, so a likely genre makes
    others less likely, and how much depends on both.

    The logits z (n, g) of a fusion become slope * z + offset + inputs @ kernel, where the inputs are the
    scores sigmoid(z) of all genres and the `TOP` highest of them in falling order. slope, offset (g,) and
    kernel (g + TOP, g) float32; with fewer genres than TOP, all are sorted.

    Raises ValueError if the arrays do not fit.
    """

    slope: Float32
    offset: Float32
    kernel: Float32

    def __post_init__(self) -> None:
        count = len(self.slope)
        shape = (count + min(TOP, count), count)
        if self.offset.shape != (count,) or self.slope.shape != (count,) or self.kernel.shape != shape:
            raise ValueError("The arrays of the balance of genres do not fit.")
        if not all(np.isfinite(array).all() for array in (self.slope, self.offset, self.kernel)):
            raise ValueError("The balance of genres holds numbers that are not finite.")

    def logits(self, fused: Float32) -> Float32:
        """Balanced logits (n, g) float32."""
        return np.asarray(fused * self.slope + self.offset + balance_inputs(fused) @ self.kernel, np.float32)

    @classmethod
    def none(cls, genres: int) -> Balance:
        """The balance that changes nothing."""
        kernel = np.zeros((genres + min(TOP, genres), genres), dtype=np.float32)
        return cls(np.ones(genres, dtype=np.float32), np.zeros(genres, dtype=np.float32), kernel)


def balance_inputs(fused: Float32) -> Float32:
    """The scores (n, g) of fused logits, beside the highest ones of each film in falling order."""
    scores = sigmoid(fused)
    top = min(TOP, scores.shape[1])
    return np.concatenate([scores, -np.sort(-scores, axis=1)[:, :top]], axis=1)


def combinations_of(parts: Sequence[str]) -> list[tuple[str, ...]]:
    """All combinations of some of the parts, in the order of their files: fewer parts first.

    >>> combinations_of(["poster", "title"])
    [('poster',), ('title',), ('poster', 'title')]
    """
    return [chosen for size in range(1, len(parts) + 1) for chosen in combinations(parts, size)]
