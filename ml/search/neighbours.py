"""Nearest neighbours: exact search, the published recipe's ball tree, and their common protocol."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from .hubness import HubCorrection

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Metric = Literal["cosine", "euclidean"]

_ROWS = 8192
_QUERIES = 128
_SPARE = 32
# Outside these lengths a float32 product overflows or loses its digits.
_LONGEST = 1e15
_SHORTEST = 1e-30
# Closer to the centre than this share of its length, a vector's direction is rounding only.
_NO_DIRECTION = 1e-6
_UNIT_ROUNDOFF = 2.0**-24


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
    """Exact neighbours by blocked matrix products, without an n × n matrix.

    A float32 product ranks all rows; distances of the best few are computed again in float64, or of all rows
    where rounding could hide a nearer row or a tie. The order and the distances are exact.

    Args:
        vectors: (n, dims) float16 or float32; an array or a memory map, never copied as a whole.
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
        self._centre, self._penalties = np.zeros(vectors.shape[1]), np.zeros(len(vectors))
        if correction is not None:
            if metric != "cosine":
                raise ValueError("Hubs are corrected in cosine distances only.")
            if not correction.fits(vectors):
                raise ValueError("This hub correction was computed for other vectors: compute it again.")
            self._centre = correction.centre.astype(np.float64)
            self._penalties = correction.penalties.astype(np.float64)
        # Rounding errors depend on the stored length, which may be far larger than that from the centre.
        self._stored_lengths, self._lengths = np.empty(len(vectors)), np.empty(len(vectors))
        for start in range(0, len(vectors), _ROWS):
            block = slice(start, start + _ROWS)
            stored = _lengths(vectors[block])
            bad = np.flatnonzero(~(stored < _LONGEST))
            if len(bad):
                raise ValueError(
                    f"Row {start + bad[0]} of the index holds numbers that are not finite or too large."
                )
            self._stored_lengths[block] = stored
            self._lengths[block] = self._from_centre(vectors[block], stored)

    def __len__(self) -> int:
        return len(self._vectors)

    def query(self, vectors: npt.ArrayLike, k: int) -> tuple[Floats, Indexes]:
        """See NeighbourIndex. Needs memory for a few blocks of 8,192 rows."""
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
        candidates, beyond = self._candidates(queries, lengths, min(len(self), k + _SPARE))
        distances = np.empty((len(queries), k), dtype=np.float32)
        indexes = np.empty((len(queries), k), dtype=np.int64)
        for row, query in enumerate(queries):
            chosen = candidates[row]
            far = self._distances(query, lengths[row], chosen)
            if np.partition(far, k - 1)[k - 1] >= beyond[row]:
                chosen = np.arange(len(self))
                far = self._distances(query, lengths[row], chosen)
            found = (far if self._metric == "cosine" else np.sqrt(far)).astype(np.float32)
            order = np.lexsort((chosen, found))[:k]
            distances[row], indexes[row] = found[order], chosen[order]
        return distances, indexes

    def _from_centre(self, vectors: npt.NDArray[Any], stored: Doubles) -> Doubles:
        """Lengths of rows from the centre; 0 for rows too close to it."""
        if not self._centre.any():
            return np.where(stored < _SHORTEST, 0.0, stored)
        lengths = _lengths(vectors - self._centre)
        return np.where((lengths < _SHORTEST) | (lengths < _NO_DIRECTION * stored), 0.0, lengths)

    def _candidates(self, queries: Doubles, lengths: Doubles, wanted: int) -> tuple[Indexes, Doubles]:
        """The `wanted` rows that may be nearest, and a lower bound (as `_distances`) for all other rows.

        The centre is subtracted from queries already. Rows are ranked by their lower bounds.
        """
        # N. Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1: a float32 dot
        # product has an error of at most about dims roundings of the product of the lengths.
        rounding = (self._vectors.shape[1] + 4) * _UNIT_ROUNDOFF
        cosine = self._metric == "cosine"
        if cosine:
            queries = np.where(lengths[:, None] > 0, queries / _divisors(lengths)[:, None], 0.0)
        ours = queries.astype(np.float32)
        offset = (ours.astype(np.float64) @ self._centre)[:, None]
        best = np.empty((len(queries), 0))
        where = np.empty((len(queries), 0), dtype=np.int64)
        for start in range(0, len(self), _ROWS):
            stop = min(start + _ROWS, len(self))
            product = (ours @ self._vectors[start:stop].astype(np.float32, copy=False).T).astype(np.float64)
            stored = self._stored_lengths[start:stop]
            if cosine:
                theirs = self._lengths[start:stop]
                most = (product - offset + rounding * stored) / _divisors(theirs)
                most[:, theirs == 0] = 0.0
                least = 1 - most + self._penalties[start:stop]
            else:
                least = (
                    lengths[:, None] ** 2 + stored**2 - 2 * (product + rounding * lengths[:, None] * stored)
                )
            best = np.concatenate([best, least], axis=1)
            where = np.concatenate([where, np.tile(np.arange(start, stop), (len(queries), 1))], axis=1)
            if best.shape[1] > wanted:
                kept = np.argpartition(best, wanted - 1, axis=1)[:, :wanted]
                best = np.take_along_axis(best, kept, axis=1)
                where = np.take_along_axis(where, kept, axis=1)
        if wanted == len(self):
            return where, np.full(len(queries), np.inf)
        return where, best.max(axis=1) - 1e-9

    def _distances(self, query: Doubles, length: float, rows: Indexes) -> Doubles:
        """Distances in float64, corrected cosine or squared Euclidean; equal for equal rows except for
        penalties. The centre is subtracted from the query already."""
        found = np.empty(len(rows))
        step = _ROWS // 4
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            chosen = rows[part]
            gap = self._vectors[chosen].astype(np.float64) - self._centre
            if self._metric == "cosine":
                lengths = self._lengths[chosen]
                gap = gap / _divisors(lengths)[:, None] - query / (length or 1.0)
                cosine = np.einsum("ij,ij->i", gap, gap) / 2
                cosine[lengths == 0] = 1.0
                found[part] = (cosine if length else 1.0) + self._penalties[chosen]
            else:
                gap -= query
                found[part] = np.einsum("ij,ij->i", gap, gap)
        return found


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
