"""Which posters belong together: those of one movie, of one series, and near-duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.imaging.images import DUPLICATE_BITS

# Memory: ten bytes a pair.
_PAIRS_AT_ONCE = 1 << 21

Hashes = npt.NDArray[np.uint64]
Indexes = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PosterRelations:
    """How n posters are related: by movie, by series, as near-duplicates.

    Args:
        hashes: (n,) perceptual hashes.
        movie, series: (n,) group numbers, negative where the movie or series is unknown; see `group_numbers`.
        keep_duplicates: near-duplicates of other movies may be look-alikes of each other.
    """

    hashes: Hashes
    movie: Indexes
    series: Indexes
    keep_duplicates: bool = False

    def __len__(self) -> int:
        return len(self.hashes)

    def excluded(self, row: int) -> Bools:
        """Which posters may not be look-alikes of poster `row`: itself, its movie's, its near-duplicates."""
        mine = self.movie[row]
        out = self.movie == mine if mine >= 0 else np.zeros(len(self), dtype=bool)
        if not self.keep_duplicates:
            out |= self.near_duplicates(row)
        out[row] = True
        return out

    def near_duplicates(self, row: int) -> Bools:
        """Which posters are near-duplicates of poster `row`, itself included."""
        return np.asarray(np.bitwise_count(self.hashes ^ self.hashes[row]) <= DUPLICATE_BITS)

    def same_series(self, row: int) -> Bools:
        """Which other posters are of the same series and not excluded."""
        mine = self.series[row]
        if mine < 0:
            return np.zeros(len(self), dtype=bool)
        return (self.series == mine) & ~self.excluded(row)

    def split_groups(self) -> Indexes:
        """Group numbers (n,) for a split: equal for posters of one movie or series and for near-duplicates,
        and for chains of these."""
        # Imported here, because few processes split and all import this module.
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        distinct, which = np.unique(self.hashes, return_inverse=True)
        first = np.full(len(distinct), -1, dtype=np.int64)
        first[which[::-1]] = np.arange(len(self))[::-1]
        edges = [_chain(number) for number in (self.movie, self.series, which.astype(np.int64))]
        edges += [first[pairs] for pairs in near_pairs(distinct, distinct, DUPLICATE_BITS)]
        joined = np.concatenate(edges)
        graph = coo_array(
            (np.ones(len(joined), dtype=np.int8), (joined[:, 0], joined[:, 1])), shape=(len(self), len(self))
        )
        return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)

    def count_duplicates(self) -> int:
        """How many posters have a near-duplicate among the others."""
        return sum(int(self.near_duplicates(row).sum()) > 1 for row in range(len(self)))


def group_numbers(names: Sequence[str]) -> Indexes:
    """A number for each name, (n,) int64: equal names get the same number, the empty name gets -1."""
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(name, len(numbers)) if name else -1 for name in names], dtype=np.int64
    )


def near_pairs(queries: Hashes, hashes: Hashes, bits: int) -> Iterator[Indexes]:
    """Pairs (m, 2) of a row of `queries` and a row of `hashes` that are at most `bits` apart, in blocks."""
    step = max(1, _PAIRS_AT_ONCE // max(1, len(hashes)))
    for start in range(0, len(queries), step):
        close = np.bitwise_count(queries[start : start + step, None] ^ hashes[None, :]) <= bits
        yield np.argwhere(close) + np.array([[start, 0]])


def _chain(number: Indexes) -> Indexes:
    """Pairs that join each row with the next one of the same number; negative numbers join nothing."""
    rows = np.flatnonzero(number >= 0)
    order = rows[np.argsort(number[rows], kind="stable")]
    same = number[order[:-1]] == number[order[1:]]
    return np.stack([order[:-1][same], order[1:][same]], axis=1)
