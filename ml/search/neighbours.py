"""Nearest neighbours: exact search, the published recipe's ball tree, and their common protocol."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, Protocol

import numkong as nk
import numpy as np
import numpy.typing as npt

from .hubness import HubCorrection

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Metric = Literal["cosine", "euclidean"]

_ROWS = 8192
_NUMBERS = 1 << 21
_QUERIES = 128
# Products in memory at a time fit into a core's cache.
_AT_ONCE, _ROWS_AT_ONCE = 1 << 18, 1 << 16
# A first block gives a bound that leaves out nearly all other rows.
_FIRST_ROWS = 512
# Outside these lengths a float32 product overflows or loses its digits.
_LONGEST = 1e15
_SHORTEST = 1e-30
# Closer to the centre than this share of its length, a vector's direction is rounding only.
_NO_DIRECTION = 1e-6
_UNIT_ROUNDOFF = 2.0**-24
_HALF_ROUNDOFF, _SMALLEST_HALF = 2.0**-11, 2.0**-24


class NeighbourIndex(Protocol):
    """An index of n vectors."""

    def query(self, vectors: npt.ArrayLike, k: int) -> tuple[Floats, Indexes]:
        """Find the k nearest rows to each of `vectors`.

        Args:
            vectors: (q, dims), or (dims,) for a single one.
            k: number of neighbours; all rows if there are fewer.

        Returns:
            distances float32 and row numbers int64, both (q, min(k, n)), nearest first; rows at the same
            distance are in order.

        Raises:
            ValueError: numbers that are not finite, another length of vector, or k below 1.
        """
        ...


class ExactIndex:
    """Exact neighbours, on one thread.

    numkong multiplies float16 rows by float16 queries and adds up in float32. Bounds of all rounding errors
    decide which rows may be among the nearest; the distances of these few are computed again in float64. So
    the order and the distances are those of the vectors given.

    Args:
        vectors: (n, dims) float16 or float32; an array or a memory map. float16 is never copied as a whole;
            of float32 the index holds a float16 copy.
        metric: "cosine" (1 - cosine of the angle, 0 to 2; a zero vector has distance 1 from everything, as in
            scikit-learn) or "euclidean".
        correction: hub correction, with cosine only: distances are those from the centre plus the penalty of
            the row.

    Raises: ValueError: not a matrix, not float16 or float32, numbers that are not finite, or a correction
    that does not fit.
    """

    def __init__(
        self,
        vectors: npt.NDArray[Any],
        metric: Metric = "cosine",
        correction: HubCorrection | None = None,
    ) -> None:
        if metric not in ("cosine", "euclidean"):
            raise ValueError(f"Unknown metric {metric!r}: use 'cosine' or 'euclidean'.")
        if vectors.ndim != 2:
            raise ValueError(f"An index holds a matrix (n, dims), not an array of shape {vectors.shape}.")
        if vectors.dtype not in (np.float16, np.float32):
            raise ValueError(f"An index holds float16 or float32, not {vectors.dtype}.")
        self._vectors = vectors
        self._metric = metric
        self._centre, self._penalties = np.zeros(vectors.shape[1]), np.zeros(len(vectors), np.float32)
        if correction is not None:
            if metric != "cosine":
                raise ValueError("Hubs are corrected in cosine distances only.")
            if not correction.fits(vectors):
                raise ValueError("This hub correction was computed for other vectors: compute it again.")
            self._centre = correction.centre.astype(np.float64)
            self._penalties = correction.penalties
        copied = vectors.dtype != np.float16
        self._halves = np.empty(vectors.shape, np.float16) if copied else vectors.view(np.ndarray)
        # A row's cosine from the centre, or its product with a query, is (half - shift) · query × scale.
        self._shift = np.zeros_like(self._centre) if copied else self._centre
        self._scales, self._errors = np.empty((2, len(vectors)), np.float32)
        self._longest = 0.0
        step = min(_ROWS, max(1, _NUMBERS // max(1, vectors.shape[1])))
        for start in range(0, len(vectors), step):
            self._prepare(slice(start, start + step), copied)
        # N. Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1: a float32 dot
        # product has an error of at most about dims roundings of the product of the lengths. 64 more are for
        # the steps that follow it.
        self._rounding = (vectors.shape[1] + 64) * _UNIT_ROUNDOFF
        if copied:
            self._rounding += _HALF_ROUNDOFF + _SMALLEST_HALF * np.sqrt(vectors.shape[1])

    def _prepare(self, block: slice, copied: bool) -> None:
        """Compute the numbers of a block of rows that all queries need."""
        rows = self._vectors[block].view(np.ndarray)
        stored = _lengths(rows)
        bad = np.flatnonzero(~(stored < _LONGEST))
        if len(bad):
            raise ValueError(
                f"Row {block.start + bad[0]} of the index holds numbers that are not finite or too large."
            )
        self._longest = max(self._longest, float(stored.max()))
        cosine = self._metric == "cosine"
        lengths = self._from_centre(rows, stored) if cosine else stored
        if copied:
            moved = np.where(lengths[:, None] > 0, rows - self._centre, 0)
            self._halves[block] = moved / _divisors(lengths)[:, None]
            self._scales[block] = (lengths > 0) if cosine else stored
        else:
            self._scales[block] = np.where(lengths > 0, 1 / _divisors(lengths), 0) if cosine else 1.0
        if cosine:
            # Rounding errors depend on the stored length, which may be far larger than that from the centre.
            self._errors[block] = 1.0 if copied else np.maximum(1.0, stored / _divisors(lengths))
            self._errors[block][lengths == 0] = 1.0
        else:
            self._errors[block] = stored

    def __len__(self) -> int:
        return len(self._vectors)

    def query(self, vectors: npt.ArrayLike, k: int) -> tuple[Floats, Indexes]:
        """See NeighbourIndex. Needs memory for a few million numbers."""
        queries = _checked_queries(vectors, k, self._vectors.shape[1])
        k = min(k, len(self))
        distances = np.empty((len(queries), k), dtype=np.float32)
        indexes = np.empty((len(queries), k), dtype=np.int64)
        for start in range(0, len(queries), _QUERIES) if k else ():
            chunk = slice(start, start + _QUERIES)
            distances[chunk], indexes[chunk] = self._query(queries[chunk], k)
        return distances, indexes

    def _query(self, queries: Doubles, k: int) -> tuple[Floats, Indexes]:
        lengths = self._from_centre(queries, _lengths(queries))
        queries = queries - self._centre
        asking, rows = self._candidates(queries, lengths, k)
        far = self._distances(queries, lengths, asking, rows)
        found = (far if self._metric == "cosine" else np.sqrt(far)).astype(np.float32)
        starts = np.searchsorted(asking, np.arange(len(queries)))
        nearest = np.lexsort((rows, found, asking))[starts[:, None] + np.arange(k)]
        return found[nearest], rows[nearest]

    def _from_centre(self, vectors: npt.NDArray[Any], stored: Doubles) -> Doubles:
        """Lengths of rows from the centre; 0 for rows too close to it."""
        if not self._centre.any():
            return np.where(stored < _SHORTEST, 0.0, stored)
        lengths = _lengths(vectors - self._centre)
        return np.where((lengths < _SHORTEST) | (lengths < _NO_DIRECTION * stored), 0.0, lengths)

    def _candidates(self, queries: Doubles, lengths: Doubles, k: int) -> tuple[Indexes, Indexes]:
        """For each query all rows that may be among the k nearest: numbers of queries, ascending, and rows.

        Rows are ranked by the cosine less the penalty, or by the product less half the row's square. Both are
        scores: larger is nearer. A row is out if its largest possible score is below the k-th largest of the
        least possible ones. The centre is subtracted from queries already.
        """
        unit = 1.0
        if self._metric == "cosine":
            queries = np.where(lengths[:, None] > 0, queries / _divisors(lengths)[:, None], 0.0)
        else:
            # All lengths are at most 1 in this unit, so that nothing overflows.
            unit = max(self._longest, float(lengths.max())) or 1.0
            queries = queries / unit
        halves = queries.astype(np.float16)
        error = float(self._rounding + _lengths(queries - halves).max())
        shift = (halves.astype(np.float64) @ self._shift).astype(np.float32)
        packed = nk.dots_pack(halves) if len(halves) > 1 else None
        kept = _Kept(len(queries), k)
        start, size = 0, _FIRST_ROWS
        while start < len(self):
            block = slice(start, min(start + size, len(self)))
            start, size = block.stop, max(_FIRST_ROWS, min(_ROWS_AT_ONCE, _AT_ONCE // len(queries)))
            rows = self._halves[block]
            if packed is None:
                scores = np.empty((len(rows), 1), dtype=np.float32)
                nk.dot(np.broadcast_to(halves, rows.shape), rows, out=scores[:, 0])
            else:
                scores = np.asarray(nk.dots_packed(rows, packed))
            if shift.any():
                scores -= shift
            scores *= self._scales[block, None]
            slack = error * self._errors[block] + 8 * _UNIT_ROUNDOFF * unit
            if self._metric == "cosine":
                scores += (slack - self._penalties[block])[:, None]
            else:
                scores += (slack - self._errors[block] ** 2 / (2 * unit))[:, None]
            kept.add(block.start, scores, slack)
        return kept.pairs()

    def _distances(self, queries: Doubles, lengths: Doubles, asking: Indexes, rows: Indexes) -> Doubles:
        """Distances in float64 of pairs of a query and a row, corrected cosine or squared Euclidean; equal
        for equal rows except for penalties. The centre is subtracted from the queries already."""
        found = np.empty(len(rows))
        cosine = self._metric == "cosine"
        if cosine:
            queries = queries / _divisors(lengths)[:, None]
        for start in range(0, len(rows), _FIRST_ROWS):
            part = slice(start, start + _FIRST_ROWS)
            chosen = rows[part]
            stored = self._vectors[chosen].astype(np.float64)
            gap = stored - self._centre
            if cosine:
                theirs = self._from_centre(stored, _lengths(stored))
                gap /= _divisors(theirs)[:, None]
            gap -= queries[asking[part]]
            found[part] = np.einsum("ij,ij->i", gap, gap)
            if cosine:
                directed = (theirs > 0) & (lengths[asking[part]] > 0)
                found[part] = np.where(directed, found[part] / 2, 1.0) + self._penalties[chosen]
        return found


class _Kept:
    """The rows that may still be among the k nearest of each of some queries."""

    def __init__(self, queries: int, k: int) -> None:
        self._k = k
        self._least = np.full(queries, -np.inf, dtype=np.float32)
        # Short integers are sorted several times faster.
        self._queries, self._rows = np.empty(0, dtype=np.int16), np.empty(0, dtype=np.int64)
        self._scores = self._lowest = np.empty(0, dtype=np.float32)
        self._enough = 0

    def add(self, start: int, scores: Floats, slack: Floats) -> None:
        """Add a block of rows with their largest possible scores (rows, queries); the least possible ones are
        lower by twice `slack`."""
        hits = np.flatnonzero(scores >= self._least)
        rows, queries = np.divmod(hits, len(self._least))
        found = scores.ravel()[hits]
        self._queries = np.concatenate([self._queries, queries.astype(np.int16)])
        self._rows = np.concatenate([self._rows, start + rows])
        self._scores = np.concatenate([self._scores, found])
        self._lowest = np.concatenate([self._lowest, found - 2 * slack[rows]])
        if len(self._rows) > self._enough:
            self._drop()
            self._enough = 2 * len(self._rows) + self._k

    def pairs(self) -> tuple[Indexes, Indexes]:
        """Numbers of queries, ascending, and their rows."""
        self._drop()
        return self._queries.astype(np.int64), self._rows

    def _drop(self) -> None:
        """Sort by query and leave out what cannot be among the k nearest any more."""
        order = np.argsort(self._queries, kind="stable")
        ends = np.searchsorted(self._queries[order], np.arange(len(self._least) + 1))
        for query, (first, last) in enumerate(pairwise(ends.tolist())):
            if last - first >= self._k:
                lowest = self._lowest[order[first:last]]
                self._least[query] = np.partition(lowest, len(lowest) - self._k)[len(lowest) - self._k]
        order = order[self._scores[order] >= self._least[self._queries[order]]]
        self._queries, self._rows = self._queries[order], self._rows[order]
        self._scores, self._lowest = self._scores[order], self._lowest[order]


class BallTreeIndex:
    """The published recipe: scikit-learn's BallTree with Euclidean distance (S. Omohundro, "Five Balltree
    Construction Algorithms", ICSI TR-89-063, 1989). It holds a float64 copy of all vectors.

    Args:
        vectors: (n, dims), n at least 1.

    Raises:
        ValueError: not a matrix with rows, or numbers that are not finite.
    """

    def __init__(self, vectors: npt.ArrayLike) -> None:
        from sklearn.neighbors import BallTree

        matrix = np.asarray(vectors, dtype=np.float64)
        if matrix.ndim != 2 or not len(matrix):
            raise ValueError(f"A ball tree holds a matrix (n, dims) with rows, not shape {matrix.shape}.")
        if not np.isfinite(matrix).all():
            raise ValueError("The vectors of a ball tree hold numbers that are not finite.")
        self._tree = BallTree(matrix, metric="euclidean")
        self._shape = matrix.shape

    def __len__(self) -> int:
        return int(self._shape[0])

    def query(self, vectors: npt.ArrayLike, k: int) -> tuple[Floats, Indexes]:
        """See NeighbourIndex."""
        queries = _checked_queries(vectors, k, self._shape[1])
        k = min(k, len(self))
        distances = np.empty((len(queries), k), dtype=np.float32)
        indexes = np.empty((len(queries), k), dtype=np.int64)
        if not len(queries):
            return distances, indexes
        # One more than k shows whether a tie was cut; only then all rows within that distance are read.
        near, rows = self._tree.query(queries, k=min(k + 1, len(self)))
        for number in range(len(queries)):
            found, chosen = near[number].astype(np.float32), rows[number]
            if len(found) > k and found[k] == found[k - 1]:
                reach = float(np.nextafter(found[k], np.float32(np.inf)))
                within, lengths = self._tree.query_radius(queries[[number]], reach, return_distance=True)
                chosen, found = within[0], lengths[0].astype(np.float32)
            order = np.lexsort((chosen, found))[:k]
            distances[number], indexes[number] = found[order], chosen[order]
        return distances, indexes


def _lengths(vectors: npt.NDArray[Any]) -> Doubles:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)))


def _divisors(lengths: Doubles) -> Doubles:
    return np.where(lengths > 0, lengths, 1.0)


def _checked_queries(vectors: npt.ArrayLike, k: int, dims: int) -> Doubles:
    queries = np.array(vectors, dtype=np.float64)
    if queries.ndim == 1:
        queries = queries[None, :]
    if queries.ndim != 2 or queries.shape[1] != dims:
        raise ValueError(f"Queries must be of shape (q, {dims}), not {queries.shape}.")
    if k < 1:
        raise ValueError(f"k must be at least 1; got {k}.")
    if not (np.abs(queries) < _LONGEST).all():
        raise ValueError("A query holds numbers that are not finite or too large.")
    return queries
