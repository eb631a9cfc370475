"""Hub correction: reduces the number of posters that are neighbours of very many others, or of none."""

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

# Numbers in memory at a time: 64 MB of float32.
_AT_ONCE = 1 << 24
_ROWS = 1024
# Rounding makes the penalties of equal rows equal: blocked float32 products differ in the last digits.
_DECIMALS = 5


class CorrectionUnreadable(ValueError):
    """The file of a hub correction is damaged or holds something else; it can be deleted and is made
    again."""


@dataclass(frozen=True)
class HubCorrection:
    """The correction of cosine distances to n vectors.

    centre: (dims,) float32, subtracted from rows and queries before the cosine. penalties: (n,) float32,
    added to the cosine distance of each row. A penalty of the query would not change the order, so queries
    need not be among the n rows.
    """

    centre: Floats
    penalties: Floats

    def fits(self, vectors: npt.NDArray[Any]) -> bool:
        """Whether its shapes are those of this matrix."""
        return bool((len(self.penalties), len(self.centre)) == vectors.shape)


def hub_correction(
    vectors: npt.NDArray[Any], *, nearest: int = NEAREST, references: int = REFERENCES
) -> HubCorrection:
    """Compute the correction of vectors.

    Subtracting the centre removes hubs near it (Suzuki et al., "Centering Similarity Measures to Reduce
    Hubs", EMNLP 2013). The penalty is STRENGTH times the mean cosine to the `nearest` others; CSLS takes a
    half (Conneau et al., "Word Translation Without Parallel Data", ICLR 2018). Both are shrunk by n / (n +
    SHRINKAGE), because few rows give poor estimates.

    With more than `references` rows, neighbours are searched among that many of them, drawn with a fixed
    seed: the cost is n × references × dims multiplications. Equal input gives equal output.

    Args:
        vectors: (n, dims) float16 or float32, finite; an array or a memory map, read in blocks.
        nearest: number of neighbours for the penalty; all if there are fewer.
        references: maximum number of rows to search for neighbours.

    Raises:
        ValueError: not a matrix, or `nearest` or `references` below 1.
    """
    if vectors.ndim != 2:
        raise ValueError(f"vectors must be a matrix (n, dims); their shape is {vectors.shape}.")
    if nearest < 1 or references < 1:
        raise ValueError("nearest and references must be at least 1.")
    count, dims = vectors.shape
    if not count:
        return HubCorrection(np.zeros(dims, np.float32), np.zeros(0, np.float32))
    certainty = count / (count + SHRINKAGE)
    centre = (_sum(vectors) * (certainty / count)).astype(np.float32)
    chosen = reference_rows(count, references)
    place = np.full(count, -1)
    place[chosen] = np.arange(len(chosen))
    crowding = _crowding(vectors, place, vectors, chosen, centre, nearest)
    return HubCorrection(centre, _penalties(crowding, certainty))


def penalties_of_added(
    added: npt.NDArray[Any],
    vectors: npt.NDArray[Any],
    correction: HubCorrection,
    count: int | None = None,
) -> Floats:
    """Penalties (m,) of rows (m, dims) that are added to the rows of a correction, which stays as it is.

    The centre and the references are those of `vectors`, (n, dims), for which `correction` was computed.
    `vectors` may be its `reference_rows` only; `count` is then the number of all.
    """
    count = count or len(vectors)
    chosen = reference_rows(len(vectors), REFERENCES)
    crowding = _crowding(added, np.full(len(added), -1), vectors, chosen, correction.centre, NEAREST)
    return _penalties(crowding, count / (count + SHRINKAGE))


def cosines(one: npt.NDArray[Any], other: npt.NDArray[Any], centre: Floats | None = None) -> Floats:
    """Cosines (p, q) float32 of rows (p, dims) and rows (q, dims), after subtracting `centre` if given.

    They are 0 for a row that then is zero.
    """
    return np.asarray(_directions(one, centre) @ _directions(other, centre).T)


def write_correction(correction: HubCorrection, path: Path) -> None:
    """Write an .npz file, completely or not at all. Raises OSError."""
    content = io.BytesIO()
    np.savez(content, centre=correction.centre, penalties=correction.penalties)
    write_bytes(path, content.getvalue())


def read_correction(path: Path) -> HubCorrection:
    """Read the file of `write_correction`. Raises OSError, CorrectionUnreadable."""
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


def reference_rows(count: int, most: int) -> npt.NDArray[np.int64]:
    """Numbers of the rows, of `count`, among which neighbours are searched; ascending."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(SEED).choice(count, most, replace=False))


def _penalties(crowding: npt.NDArray[np.float64], certainty: float) -> Floats:
    return np.round(STRENGTH * certainty * crowding, _DECIMALS).astype(np.float32)


def _crowding(
    rows: npt.NDArray[Any],
    place: npt.NDArray[np.int64],
    vectors: npt.NDArray[Any],
    chosen: npt.NDArray[np.int64],
    centre: Floats,
    nearest: int,
) -> npt.NDArray[np.float64]:
    """Mean cosine of each row to its nearest others among the chosen vectors; 0 without others.

    place: where a row itself is among the chosen ones; -1 if it is not.
    """
    count, dims = rows.shape
    # Vectors may have a hundred thousand numbers: references are then processed in parts.
    part = max(1, _AT_ONCE // max(dims, 1))
    step = min(_ROWS, part)
    best = np.full((count, min(nearest, len(chosen))), -np.inf, dtype=np.float32)
    for first in range(0, len(chosen), part):
        others = _directions(vectors[chosen[first : first + part]], centre)
        for start in range(0, count, step):
            block = slice(start, min(start + step, count))
            cosines = _directions(rows[block], centre) @ others.T
            mine = place[block] - first
            itself = np.flatnonzero((mine >= 0) & (mine < len(others)))
            cosines[itself, mine[itself]] = -np.inf
            known = np.concatenate([best[block], cosines], axis=1)
            kept = known.shape[1] - best.shape[1]
            best[block] = np.partition(known, kept, axis=1)[:, kept:]
    there = np.isfinite(best)
    total = np.where(there, best, 0).sum(axis=1, dtype=np.float64)
    return np.asarray(total / np.maximum(there.sum(axis=1), 1))


def _directions(vectors: npt.NDArray[Any], centre: Floats | None) -> Floats:
    return unit_vectors(np.asarray(vectors, dtype=np.float32), centre)
