"""The last touch to the finished vectors: centred, and pulled towards genres, at no cost.

All of it is linear, so it goes into the projection: kernel and bias. Each place of the map carries the bias,
so that the map's mean over its places still is the vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Floats64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Touch:
    """vectors (n, d) become (vectors - mean) @ matrix. mean (d,), matrix (d, d) symmetric and invertible."""

    mean: Floats64
    matrix: Floats64

    def head(self, kernel: Floats, bias: Floats) -> tuple[Floats, Floats]:
        """A linear head's kernel (d, genres) and bias (genres,) so changed that its logits stay the same."""
        turned = np.linalg.solve(self.matrix, kernel.astype(np.float64))
        return turned.astype(np.float32), (bias + self.mean @ kernel).astype(np.float32)


def touch(vectors: Floats, kernel: Floats, pull: float) -> Touch:
    """Centre vectors (n, d), and stretch them so that posters of like genres come nearer each other.

    kernel (d, genres): of the genre head. Inner products of touched vectors are those of the centred vectors
    with their genre logits appended, the logits scaled so that together they are as long as `pull` times the
    vectors, by root mean square: the matrix is the symmetric root of I + (pull s)^2 W W'. Comparing logits
    beside vectors is worth it (`docs/training.md`), and this way costs neither numbers nor time.
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors - mean
    weights = kernel.astype(np.float64)
    length = np.sqrt((centred**2).sum(axis=1).mean())
    reach = np.sqrt(((centred @ weights) ** 2).sum(axis=1).mean())
    scale = pull * length / reach if reach > 0 else 0.0
    values, directions = np.linalg.eigh(np.eye(len(weights)) + scale**2 * weights @ weights.T)
    return Touch(mean, (directions * np.sqrt(values)) @ directions.T)


def finish(network: Any, by: Touch) -> None:
    """Fold a touch into the `projection` layer of a network; its map changes along with its vectors."""
    projection = network.get_layer("projection")
    kernel, bias = projection.get_weights()
    projection.set_weights(
        [(kernel @ by.matrix).astype(np.float32), ((bias - by.mean) @ by.matrix).astype(np.float32)]
    )
