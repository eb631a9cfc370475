"""Hub correction: keeps a few posters from being everybody's look-alike, and others from being nobody's."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.files import UNREADABLE_ARRAYS, write_bytes
from ml.vectors import unit_vectors

Floats = npt.NDArray[np.float32]

NEAREST = 10
STRENGTH = 0.4
REFERENCES = 2048
SHRINKAGE = 50
SEED = 0

# Numbers held at a time: 64 MB of float32.
_AT_ONCE = 1 << 24
_ROWS = 1024
# Equal rows may differ in the last digits of a blocked float32 product: their penalties should not.
_DECIMALS = 5


class CorrectionUnreadable(ValueError):
    """A file of a hub correction is damaged or holds something else: delete it, and it is made again."""


@dataclass(frozen=True)
class HubCorrection:
    """What to do to the cosine distances among n vectors so that none of them is near to everything.

    centre: (dims,) float32, taken from every vector, a query's too, before the cosine. penalties: (n,)
    float32, added to the cosine distance of each row. A penalty for the query would change no order, so a
    vector that is not among the n can ask as well.
    """

    centre: Floats
    penalties: Floats

    def fits(self, vectors: npt.NDArray[Any]) -> bool:
        """Whether it can be of this matrix: as many rows, as many numbers in each."""
        return bool((len(self.penalties), len(self.centre)) == vectors.shape)


def hub_correction(
    vectors: npt.NDArray[Any], *, nearest: int = NEAREST, references: int = REFERENCES
) -> HubCorrection:
    """Where the vectors have their centre, and how crowded the place of each is.

    Taking the centre away cures hubs near it (Suzuki et al., "Centering Similarity Measures to Reduce Hubs",
    EMNLP 2013). The penalty is STRENGTH of the mean cosine to the `nearest` others; CSLS takes a half
    (Conneau et al., "Word Translation Without Parallel Data", ICLR 2018). Both are shrunk where rows are few
    and say little about what is common: by n / (n + SHRINKAGE).

    With more than `references` rows the nearest are looked for among that many of them, drawn by a fixed
    seed, so the cost is n × references × dims multiplications. Equal input gives equal output.

    Args:
        vectors: (n, dims) float16 or float32, finite; an array or a memory map, read a block at a time.
        nearest: how many neighbours tell how crowded a place is; all where there are fewer.
        references: at most so many rows are looked at as neighbours.

    Raises:
        ValueError: not a matrix, or `nearest` or `references` below 1.
    """
    if vectors.ndim != 2:
        raise ValueError(f"Hubs are corrected in a matrix (n, dims), not in an array of {vectors.shape}.")
    if nearest < 1 or references < 1:
        raise ValueError("Hubs can't be corrected without neighbours to look at.")
    count, dims = vectors.shape
    if not count:
        return HubCorrection(np.zeros(dims, np.float32), np.zeros(0, np.float32))
    certainty = count / (count + SHRINKAGE)
    centre = _sum(vectors) * (certainty / count)
    crowding = _crowding(vectors, centre, nearest, references)
    return HubCorrection(
        centre.astype(np.float32), np.round(STRENGTH * certainty * crowding, _DECIMALS).astype(np.float32)
    )


def cosines(one: npt.NDArray[Any], other: npt.NDArray[Any], centre: Floats | None = None) -> Floats:
    """Cosines (p, q) float32 of rows (p, dims) to rows (q, dims), seen from `centre` or else from the origin.

    A row that lies there has none with anything: 0.
    """
    return np.asarray(_directions(one, centre) @ _directions(other, centre).T)


def write_correction(correction: HubCorrection, path: Path) -> None:
    """Keep it in an .npz file, which is written whole or not at all. Raises OSError."""
    held = io.BytesIO()
    np.savez(held, centre=correction.centre, penalties=correction.penalties)
    write_bytes(path, held.getvalue())


def read_correction(path: Path) -> HubCorrection:
    """Read what `write_correction` kept. Raises OSError (a file that is not there), CorrectionUnreadable."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = HubCorrection(arrays["centre"], arrays["penalties"])
    except UNREADABLE_ARRAYS as error:
        raise CorrectionUnreadable(f"{path} is damaged ({error}): delete it.") from error
    for name, array in vars(found).items():
        if array.ndim != 1 or array.dtype != np.float32 or not np.isfinite(array).all():
            raise CorrectionUnreadable(f"{path} holds no {name} of a hub correction: delete it.")
    return found


def _sum(vectors: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    total = np.zeros(vectors.shape[1])
    for start in range(0, len(vectors), _ROWS):
        total += vectors[start : start + _ROWS].sum(axis=0, dtype=np.float64)
    return total


def _crowding(
    vectors: npt.NDArray[Any], centre: npt.NDArray[np.float64], nearest: int, references: int
) -> npt.NDArray[np.float64]:
    """Mean cosine of each row to its nearest others among the references; 0 without others."""
    count, dims = vectors.shape
    chosen = np.arange(count)
    if count > references:
        chosen = np.sort(np.random.default_rng(SEED).choice(count, references, replace=False))
    place = np.full(count, -1)
    place[chosen] = np.arange(len(chosen))
    shift = centre.astype(np.float32)
    # Vectors of a hundred thousand numbers exist: references are then held in several parts.
    part = max(1, _AT_ONCE // max(dims, 1))
    step = min(_ROWS, part)
    best = np.full((count, min(nearest, len(chosen))), -np.inf, dtype=np.float32)
    for first in range(0, len(chosen), part):
        others = _directions(vectors[chosen[first : first + part]], shift)
        for start in range(0, count, step):
            rows = slice(start, min(start + step, count))
            cosines = _directions(vectors[rows], shift) @ others.T
            mine = place[rows] - first
            itself = np.flatnonzero((mine >= 0) & (mine < len(others)))
            cosines[itself, mine[itself]] = -np.inf
            known = np.concatenate([best[rows], cosines], axis=1)
            kept = known.shape[1] - best.shape[1]
            best[rows] = np.partition(known, kept, axis=1)[:, kept:]
    there = np.isfinite(best)
    total = np.where(there, best, 0).sum(axis=1, dtype=np.float64)
    return np.asarray(total / np.maximum(there.sum(axis=1), 1))


def _directions(vectors: npt.NDArray[Any], centre: Floats | None) -> Floats:
    return unit_vectors(np.asarray(vectors, dtype=np.float32), centre)
