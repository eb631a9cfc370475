"""Find posters that show the same picture: candidates by hash or features, confirmed by correlation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal

import numpy as np
import numpy.typing as npt

from ml.grouping import near_pairs
from ml.imaging.images import DUPLICATE_BITS
from ml.imaging.registration import Grey, Overlap, overlap
from ml.search.hubness import cosines as _cosines

Reason = Literal["bytes", "hash", "mirrored", "cropped", "alike"]
Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

PROPOSED_BITS = 10
"""Hamming distance of hashes, plain or mirrored, of candidates; at 10 bits most pairs are false."""

RECIPROCAL = 3
"""Posters are candidates by features if each is among this number of nearest neighbours of the other."""

CONFIRMED = 0.7
"""Correlation from which two pictures are the same. The largest among candidates from 8,391 posters without
duplicates was .58; copies of 25 posters, cropped by up to 20%, mirrored or framed, all reached .83."""

# A larger scale does not count as cropped: it may come from rounding to whole pixels.
_WHOLE = 0.985
_CACHED_PICTURES = 512
_SPARE = 16  # so that the lowest rows of a few equal ones are returned
# Mirroring negates every odd coefficient of the DCT of a row, and the bits are nearly the signs.
_ODD_COLUMNS = np.uint64(0x5555555555555555)


@dataclass(frozen=True)
class Pair:
    """Two rows that show the same picture, the lower first, and the reason.

    bits: Hamming distance of the hashes. likeness: correlation of the pictures, None if the hash sufficed.
    """

    one: int
    other: int
    reason: Reason
    bits: int
    likeness: float | None = None

    @property
    def strength(self) -> tuple[bool, float]:
        """Sort key, most certain pairs first: by hash, then by correlation."""
        return (self.likeness is not None, self.bits if self.likeness is None else -self.likeness)


class Comparison:
    """Compares any two of n posters; correlations are computed once per pair.

    Args:
        hashes: perceptual hashes (n,) uint64, as `int(perceptual_hash, 16)`.
        contents: returns an identifier of the bytes of row i, such as their SHA-256.
        load: returns the picture of row i from `registration.shrunk`, or None if it is not available.
        separated: returns the numbers of the decisions that separated row i from others; rows that share a
            number are different, whatever they look like.
    """

    def __init__(
        self,
        hashes: Hashes,
        contents: Callable[[int], str],
        load: Callable[[int], Grey | None],
        separated: Callable[[int], frozenset[int]] = lambda row: frozenset(),
    ) -> None:
        self.hashes = hashes
        self.separated = separated
        self._contents = contents
        self._load = lru_cache(maxsize=_CACHED_PICTURES)(load)
        self._overlaps: dict[tuple[int, int], Overlap | None] = {}

    def __call__(self, one: int, other: int) -> Pair | None:
        """The pair of two different rows, or None if they do not show the same picture."""
        one, other = min(one, other), max(one, other)
        if self.separated(one) & self.separated(other):
            return None
        bits = int(np.bitwise_count(self.hashes[one] ^ self.hashes[other]))
        if bits == 0 and self._contents(one) == self._contents(other):
            return Pair(one, other, "bytes", bits)
        if bits <= DUPLICATE_BITS:
            return Pair(one, other, "hash", bits)
        found = self._overlap(one, other)
        if found is None or found.likeness < CONFIRMED:
            return None
        reason: Reason = "mirrored" if found.mirrored else "cropped" if found.scale < _WHOLE else "alike"
        return Pair(one, other, reason, bits, found.likeness)

    def _overlap(self, one: int, other: int) -> Overlap | None:
        if (one, other) not in self._overlaps:
            mine, theirs = self._load(one), self._load(other)
            self._overlaps[one, other] = None if mine is None or theirs is None else overlap(mine, theirs)
        return self._overlaps[one, other]


def mirrored(hashes: Hashes) -> Hashes:
    """The hashes of the mirrored pictures, except for a few bits, computed from the hashes."""
    return hashes ^ _ODD_COLUMNS


def candidate_pairs(hashes: Hashes, new: Rows, bits: int = PROPOSED_BITS) -> Iterator[tuple[int, int]]:
    """Pairs of rows, one of them among `new`, whose hashes, plain or mirrored, are at most `bits` apart.

    Rows with equal hashes are paired with the first of them only, so that a thousand copies of a picture give
    a thousand pairs. Computed in blocks with about 32 MB of memory for any n.
    """
    different, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    leads = first[which]
    for row in new.tolist():
        if leads[row] != row:
            yield int(leads[row]), row
    is_new = np.zeros(len(hashes), dtype=bool)
    is_new[new] = True
    fresh = np.unique(which[is_new])
    for queries in (different[fresh], mirrored(different[fresh])):
        for pairs in near_pairs(queries, different, bits):
            for row, column in pairs.tolist():
                one, other = int(first[fresh[row]]), int(first[column])
                if one != other:
                    yield min(one, other), max(one, other)


def nearest(
    queries: Floats, blocks: Iterable[tuple[Rows, Floats]], k: int = RECIPROCAL
) -> tuple[Rows, Floats]:
    """The k nearest rows to each query by cosine, from a stream of blocks.

    Args:
        queries: (q, dims) float32.
        blocks: row numbers (m,) with their vectors (m, dims) float32, each row once.

    Returns:
        row numbers (q, k) and cosines (q, k), nearest first; -1 and -inf if there are fewer. A query that is
        in the stream finds itself.
    """
    rows = np.full((len(queries), k), -1, dtype=np.int64)
    cosines = np.full((len(queries), k), -np.inf, dtype=np.float32)
    for numbers, vectors in blocks:
        every = np.concatenate([cosines, _cosines(queries, vectors)], axis=1)
        which = np.concatenate([rows, np.broadcast_to(numbers, (len(queries), len(numbers)))], axis=1)
        if every.shape[1] > k + _SPARE:
            best = np.argpartition(-every, k + _SPARE, axis=1)[:, : k + _SPARE]
            every, which = np.take_along_axis(every, best, 1), np.take_along_axis(which, best, 1)
        order = np.lexsort((which, -every), axis=1)[:, :k]
        rows, cosines = np.take_along_axis(which, order, 1), np.take_along_axis(every, order, 1)
    return rows, cosines


def reciprocal(rows: Rows, neighbours: Mapping[int, Sequence[int]]) -> Iterator[tuple[int, int]]:
    """Pairs of one of `rows` and one of its neighbours, if it is also a neighbour of that one."""
    for row in rows.tolist():
        for other in neighbours.get(row, ()):
            if other != row and row in neighbours.get(other, ()):
                yield min(row, other), max(row, other)


def groups(pairs: Iterable[Pair], compare: Comparison) -> list[list[int]]:
    """Groups of rows, ascending, in which every row shows the same picture as every other.

    Complete linkage, most certain pairs first: two groups are joined only if all rows of one show the same
    picture as all rows of the other, so that chains never join different posters. Rows of a group with the
    same hash are compared once.
    """
    group_of: dict[int, _Group] = {}

    def group(row: int) -> _Group:
        return group_of.setdefault(
            row, _Group([row], {int(compare.hashes[row]): row}, compare.separated(row))
        )

    for pair in sorted(set(pairs), key=lambda pair: (pair.strength, pair.one, pair.other)):
        one, other = group(pair.one), group(pair.other)
        if one is other or one.separated & other.separated:
            continue
        if all(compare(*each) for each in product(one.by_hash.values(), other.by_hash.values())):
            joined = _Group(
                one.rows + other.rows,
                other.by_hash | one.by_hash,
                one.separated | other.separated,
            )
            group_of.update(dict.fromkeys(joined.rows, joined))
    distinct = {id(each): each.rows for each in group_of.values() if len(each.rows) > 1}
    return sorted(sorted(rows) for rows in distinct.values())


@dataclass(frozen=True)
class _Group:
    """Rows that show the same picture, one row per hash, and the decisions that separated them from
    others."""

    rows: list[int]
    by_hash: dict[int, int]
    separated: frozenset[int]
