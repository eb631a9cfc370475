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

Float32 = npt.NDArray[np.float32]


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

    @classmethod
    def identity(cls, genres: int) -> Fusion:
        """The map of a single part that changes nothing."""
        return cls(np.eye(genres, dtype=np.float32)[None], np.zeros(genres, dtype=np.float32))


def combinations_of(parts: Sequence[str]) -> list[tuple[str, ...]]:
    """All combinations of some of the parts, in the order of their files: fewer parts first.

    >>> combinations_of(["poster", "title"])
    [('poster',), ('title',), ('poster', 'title')]
    """
    return [chosen for size in range(1, len(parts) + 1) for chosen in combinations(parts, size)]
