"""Find posters that are one picture: proposed by hash or features, confirmed by overlaying them."""

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
"""Hashes, plain or mirrored, at most this far apart are worth a look; at 10 bits most pairs are false."""

RECIPROCAL = 3
"""Posters are proposed by their features when each is among the other's nearest so many."""

CONFIRMED = 0.7
"""Correlation from which two pictures are one. Among the proposals from 8,391 posters without duplicates the
most alike reached .58; of 25 posters every copy cropped by up to 20%, mirrored or framed reached .83."""

# Inside by less than this a copy is not called cropped: so much comes from rounding to whole pixels.
_WHOLE = 0.985
_PICTURES_KEPT = 512
_SPARE = 16  # so that of a few equal ones the lowest rows are kept
# The DCT of a mirrored row is the row's own with every odd coefficient negated, and bits tell signs, nearly.
_ODD_COLUMNS = np.uint64(0x5555555555555555)


@dataclass(frozen=True)
class Pair:
    """Two rows that show one picture, the lower first, and how that is known.

    bits: between the hashes, of a mirrored pair too. likeness: correlation of the pictures, or None where the
    hash was enough.
    """

    one: int
    other: int
    reason: Reason
    bits: int
    likeness: float | None = None

    @property
    def strength(self) -> tuple[bool, float]:
        """Sorts the surest pairs first: by hash, then by correlation."""
        return (self.likeness is not None, self.bits if self.likeness is None else -self.likeness)


class Comparison:
    """Compares any two posters of n; pictures are laid over one another once a pair.

    Args:
        hashes: perceptual hashes (n,) uint64, as `int(perceptual_hash, 16)`.
        contents: what tells the bytes of row i from others', such as their SHA-256.
        look: the picture of row i as `registration.shrunk` gives it, or None if it cannot be had.
        apart: numbers of what row i was told apart in: rows that share one are different, however alike.
    """

    def __init__(
        self,
        hashes: Hashes,
        contents: Callable[[int], str],
        look: Callable[[int], Grey | None],
        apart: Callable[[int], frozenset[int]] = lambda row: frozenset(),
    ) -> None:
        self.hashes = hashes
        self.apart = apart
        self._contents = contents
        self._look = lru_cache(maxsize=_PICTURES_KEPT)(look)
        self._laid: dict[tuple[int, int], Overlap | None] = {}

    def __call__(self, one: int, other: int) -> Pair | None:
        """The pair that two different rows make, or None if they do not show one picture."""
        one, other = min(one, other), max(one, other)
        if self.apart(one) & self.apart(other):
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
        if (one, other) not in self._laid:
            mine, theirs = self._look(one), self._look(other)
            self._laid[one, other] = None if mine is None or theirs is None else overlap(mine, theirs)
        return self._laid[one, other]


def mirrored(hashes: Hashes) -> Hashes:
    """What the hashes of the mirrored pictures are, but for a few bits, told from the hashes alone."""
    return hashes ^ _ODD_COLUMNS


def candidate_pairs(hashes: Hashes, new: Rows, bits: int = PROPOSED_BITS) -> Iterator[tuple[int, int]]:
    """Pairs of rows, one of them among `new`, whose hashes, plain or mirrored, are at most `bits` apart.

    Of rows with equal hashes each is paired with the first only, so that a thousand copies of one picture
    make a thousand pairs. In blocks: memory is some 32 MB whatever n is.
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
    """The k rows nearest to each query by cosine, out of a stream of blocks that is never held whole.

    Args:
        queries: (q, dims) float32.
        blocks: row numbers (m,) with their vectors (m, dims) float32, each row once.

    Returns:
        row numbers (q, k) and cosines (q, k), nearest first; -1 and -inf where there are
        fewer. A query that is itself in the stream finds itself.
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
    """Pairs of one of `rows` with a neighbour of which it is a neighbour in turn."""
    for row in rows.tolist():
        for other in neighbours.get(row, ()):
            if other != row and row in neighbours.get(other, ()):
                yield min(row, other), max(row, other)


def groups(pairs: Iterable[Pair], compare: Comparison) -> list[list[int]]:
    """Groups of rows, ascending, in which every row shows the same picture as every other.

    Complete linkage, the surest pairs first: two groups become one only if all of one compare with all of the
    other, so that no chain of near things ever joins different posters. Rows of one group with the same hash
    are compared with others as one.
    """
    group_of: dict[int, _Group] = {}

    def group(row: int) -> _Group:
        return group_of.setdefault(row, _Group([row], {int(compare.hashes[row]): row}, compare.apart(row)))

    for pair in sorted(set(pairs), key=lambda pair: (pair.strength, pair.one, pair.other)):
        one, other = group(pair.one), group(pair.other)
        if one is other or one.apart & other.apart:
            continue
        if all(compare(*each) for each in product(one.voices.values(), other.voices.values())):
            joined = _Group(one.rows + other.rows, other.voices | one.voices, one.apart | other.apart)
            group_of.update(dict.fromkeys(joined.rows, joined))
    distinct = {id(each): each.rows for each in group_of.values() if len(each.rows) > 1}
    return sorted(sorted(rows) for rows in distinct.values())


@dataclass(frozen=True)
class _Group:
    """Rows found to be one picture, one row for each hash among them, and what they were told apart in."""

    rows: list[int]
    voices: dict[int, int]
    apart: frozenset[int]
