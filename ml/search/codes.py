"""Rows of vectors as 8-bit integers, with bounds of what rounding has taken away.

Products of such rows take half of the time and memory of float16 ones. They rank rows; the bounds say which
ones may be among the nearest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .hubness import HubCorrection

Doubles = npt.NDArray[np.float64]
Metric = Literal["cosine", "euclidean"]

# The columns of `facts`.
SCALE, ERROR, SPREAD, BONUS = range(4)
# Bounds the rounding of the few float32 operations that make a score.
ROUNDING = 16 * 2.0**-24
# What products of tiny numbers lose.
_TINY = 1e-30
_NUMBERS = 1 << 16
# Outside these lengths a float32 product overflows or loses its digits.
LONGEST, _SHORTEST = 1e15, 1e-30
# Closer to the centre than this share of its length, a vector's direction is rounding only.
_NO_DIRECTION = 1e-6


@dataclass(frozen=True)
class Codes:
    """The rows of an index, and how to bound their scores.

    codes: (n, dims) int8. facts: (n, 4) float32. mean: (dims,) float64.

    Points are the rows, or with the cosine metric their unit vectors from the centre, and their distance is
    measured from the mean of all: point - mean = scale × code + error. A point's score, larger for nearer
    ones, is (point - mean)·w less half the square of point - mean and less the penalty. For a query with
    w = step × v + rest it is at most SCALE step (code·v) + ERROR |w| + SPREAD |rest| + BONUS. It is at least
    that less twice what `slack_facts` gives with the same weights.
    """

    codes: npt.NDArray[np.int8]
    facts: npt.NDArray[np.float32]
    mean: Doubles


def write_codes(
    vectors: npt.NDArray[Any], metric: Metric, correction: HubCorrection | None, files: tuple[Path, Path]
) -> None:
    """Write the codes of vectors to two files, .npy and .npz. Memory does not hold all. Raises OSError."""
    stored = np.lib.format.open_memmap(files[0], mode="w+", dtype=np.int8, shape=vectors.shape)
    made = make_codes(vectors, metric, correction, stored)
    stored.flush()
    np.savez(files[1], facts=made.facts, mean=made.mean)


def read_codes(files: tuple[Path, Path], shape: tuple[int, ...]) -> Codes:
    """Read the files of `write_codes`, mapping the codes into memory. Raises UNREADABLE_ARRAYS, OSError."""
    codes = np.load(files[0], mmap_mode="r")
    with np.load(files[1], allow_pickle=False) as arrays:
        found = Codes(codes, arrays["facts"], arrays["mean"])
    shapes = (found.codes.shape, found.facts.shape, found.mean.shape)
    types = (found.codes.dtype, found.facts.dtype, found.mean.dtype)
    if shapes != (shape, (shape[0], 4), shape[1:]) or types != (np.int8, np.float32, np.float64):
        raise ValueError(f"{files[0]} holds no codes of {shape[0]} vectors with {shape[1]} numbers.")
    return found


def make_codes(
    vectors: npt.NDArray[Any],
    metric: Metric,
    correction: HubCorrection | None,
    codes: npt.NDArray[np.int8] | None = None,
) -> Codes:
    """Compute the codes of vectors (n, dims) float16 or float32, into `codes` if given.

    Raises: ValueError: numbers that are not finite or too large.
    """
    count, dims = vectors.shape
    step = max(1, _NUMBERS // max(1, dims))
    blocks = [slice(start, start + step) for start in range(0, count, step)]
    mean, centre = np.zeros(dims), None
    if correction is not None:
        centre = correction.centre.astype(np.float64)
    for block in blocks:
        mean += _points(_checked(vectors, block), metric, centre)[0].sum(axis=0)
    mean /= max(1, count)
    if codes is None:
        codes = np.empty(vectors.shape, dtype=np.int8)
    facts = np.empty((count, 4), dtype=np.float32)
    for block in blocks:
        points, directed = _points(vectors[block].astype(np.float64), metric, centre)
        moved = points - mean
        size = lengths_of(moved)
        codes[block], facts[block, SCALE], error = rounded(moved)
        facts[block, ERROR] = (error + ROUNDING * (size + error)) * (1 + ROUNDING)
        facts[block, SPREAD] = (size + error) * (1 + ROUNDING)
        # Without a direction, the distance is 1 and not half the square of a unit vector.
        bonus = -(size**2) / 2 - np.where(directed, 0.0, 0.5)
        if correction is not None:
            bonus -= correction.penalties[block]
        facts[block, BONUS] = bonus + ROUNDING * np.abs(bonus) + _TINY
    return Codes(codes, facts, mean)


def slack_facts(facts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What to weigh instead of `facts` for half of the distance between the bounds of scores."""
    found = facts.copy()
    found[:, :ERROR] = 0.0
    found[:, BONUS] = 2 * (ROUNDING * np.abs(facts[:, BONUS]) + _TINY)
    return found


def rounded(vectors: Doubles) -> tuple[npt.NDArray[np.int8], Doubles, Doubles]:
    """Codes (n, dims), scales (n,) and lengths of the errors (n,): vectors = scale × code + error."""
    # A product of two rows must fit into 32 bits.
    most = min(127, math.isqrt((2**31 - 1) // max(1, vectors.shape[1])))
    largest = np.abs(vectors).max(axis=1, initial=0.0)
    scales = np.maximum(largest / most, _SHORTEST).astype(np.float32).astype(np.float64)
    codes = np.rint(vectors / scales[:, None])
    return codes.astype(np.int8), scales, lengths_of(vectors - codes * scales[:, None])


def directions(vectors: Doubles, centre: Doubles | None) -> tuple[Doubles, Doubles]:
    """Unit vectors of rows from the centre, and their lengths. Rows too close to it have no direction: they
    become zero, and their length infinite."""
    moved = vectors if centre is None else vectors - centre
    lengths = lengths_of(moved)
    stored = lengths if centre is None else lengths_of(vectors)
    lengths[lengths < np.maximum(_NO_DIRECTION * stored, _SHORTEST)] = np.inf
    return moved / lengths[:, None], lengths


def lengths_of(vectors: Doubles) -> Doubles:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)))


def _points(rows: Doubles, metric: Metric, centre: Doubles | None) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Points of rows, and which have a direction."""
    if metric == "euclidean":
        return rows, np.ones(len(rows), dtype=bool)
    units, lengths = directions(rows, centre)
    return units, lengths < np.inf


def _checked(vectors: npt.NDArray[Any], block: slice) -> Doubles:
    rows = vectors[block].astype(np.float64)
    bad = np.flatnonzero(~(lengths_of(rows) < LONGEST))
    if len(bad):
        raise ValueError(
            f"Row {block.start + bad[0]} of the index holds numbers that are not finite or too large."
        )
    return rows
