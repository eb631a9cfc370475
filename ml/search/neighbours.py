"""Nearest neighbours: exact search, the published recipe's ball tree, and their common protocol."""

from __future__ import annotations

from typing import Any, Protocol

import numkong as nk
import numpy as np
import numpy.typing as npt

from .codes import (
    BONUS,
    ERROR,
    LONGEST,
    ROUNDING,
    SCALE,
    SPREAD,
    Codes,
    Doubles,
    Metric,
    directions,
    lengths_of,
    make_codes,
    rounded,
    slack_facts,
)
from .hubness import HubCorrection

Floats = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]

_QUERIES = 128
# Products in memory at a time fit into a core's cache.
_AT_ONCE, _ROWS_AT_ONCE = 1 << 18, 1 << 16
# The first rows give a bound that leaves out nearly all others.
_FIRST_ROWS = 512
# So many rows are kept before those are left out that a better bound excludes.
_MANY = 4096


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

    numkong multiplies rows and queries as 8-bit integers. Bounds of all rounding errors decide which rows may
    be among the nearest; the distances of these few are computed again in float64. So the order and the
    distances are those of the vectors given.

    Args:
        vectors: (n, dims) float16 or float32; an array or a memory map, which is never copied as a whole.
        metric: "cosine" (1 - cosine of the angle, 0 to 2; a zero vector has distance 1 from everything, as in
            scikit-learn) or "euclidean".
        correction: hub correction, with cosine only: distances are those from the centre plus the penalty of
            the row.
        codes: those of `make_codes` for these vectors, metric and correction; computed if not given.

    Raises: ValueError: not a matrix, not float16 or float32, numbers that are not finite, or a correction
    that does not fit.
    """

    def __init__(
        self,
        vectors: npt.NDArray[Any],
        metric: Metric = "cosine",
        correction: HubCorrection | None = None,
        codes: Codes | None = None,
    ) -> None:
        if metric not in ("cosine", "euclidean"):
            raise ValueError(f"Unknown metric {metric!r}: use 'cosine' or 'euclidean'.")
        if vectors.ndim != 2:
            raise ValueError(f"An index holds a matrix (n, dims), not an array of shape {vectors.shape}.")
        if vectors.dtype not in (np.float16, np.float32):
            raise ValueError(f"An index holds float16 or float32, not {vectors.dtype}.")
        if correction is not None and metric != "cosine":
            raise ValueError("Hubs are corrected in cosine distances only.")
        if correction is not None and not correction.fits(vectors):
            raise ValueError("This hub correction was computed for other vectors: compute it again.")
        self._vectors, self._is_cosine = vectors.view(np.ndarray), metric == "cosine"
        made = codes or make_codes(self._vectors, metric, correction)
        self._codes, self._mean = made.codes.view(np.ndarray), made.mean
        self._facts = made.facts.view(np.ndarray)
        self._scales = np.ascontiguousarray(self._facts[:, SCALE])
        self._penalties, self._centre = np.zeros(0, dtype=np.float32), None
        if correction is not None:
            self._penalties, self._centre = correction.penalties, correction.centre.astype(np.float64)

    def __len__(self) -> int:
        return len(self._vectors)

    def query(self, vectors: npt.ArrayLike, k: int) -> tuple[Floats, Indexes]:
        """See NeighbourIndex. Needs memory for a few million numbers."""
        queries = _checked_queries(vectors, k, self._vectors.shape[1])
        k = min(k, len(self))
        if k and len(queries) == 1:
            return self._query(queries, k)
        distances = np.empty((len(queries), k), dtype=np.float32)
        indexes = np.empty((len(queries), k), dtype=np.int64)
        for start in range(0, len(queries), _QUERIES) if k else ():
            chunk = slice(start, start + _QUERIES)
            distances[chunk], indexes[chunk] = self._query(queries[chunk], k)
        return distances, indexes

    def _query(self, queries: Doubles, k: int) -> tuple[Floats, Indexes]:
        points, blind = queries, np.zeros(0, dtype=np.int64)
        if self._is_cosine:
            # Unit vectors from the centre; 0 for queries that have no direction there.
            points, lengths = directions(queries, self._centre)
            blind = np.flatnonzero(lengths == np.inf)
        asking, rows = self._candidates(points, k)
        found = self._distances(points, blind, asking, rows).astype(np.float32)
        if len(queries) == 1:
            nearest = np.lexsort((rows, found))[None, :k]
        else:
            starts = np.searchsorted(asking, np.arange(len(queries)))
            nearest = np.lexsort((rows, found, asking))[starts[:, None] + np.arange(k)]
        return found[nearest], rows[nearest]

    def _candidates(self, points: Doubles, k: int) -> tuple[Indexes, Indexes]:
        """For each query all rows that may be among the k nearest: numbers of queries, ascending, and rows.

        A row is out if the upper bound of its score is below the k-th largest of the lower bounds.
        """
        points = points - self._mean
        codes, steps, rests = rounded(points)
        # Scores are in units of the query's step.
        weights = np.zeros((4, len(points)), dtype=np.float32)
        sizes = lengths_of(points)
        weights[ERROR], weights[SPREAD], weights[BONUS] = sizes / steps, rests / steps, 1 / steps
        # Distances are returned as float32, which may make them equal.
        margin = ROUNDING * (sizes**2 + 4 * self._is_cosine) / steps
        packed = nk.dots_pack(codes)
        kept = _Kept(self._facts, weights, margin.astype(np.float32), k)
        size = max(_FIRST_ROWS, min(_ROWS_AT_ONCE, _AT_ONCE // len(codes)))
        for start in range(0, len(self), size):
            block = slice(start, min(start + size, len(self)))
            scores = np.asarray(nk.dots_packed(self._codes[block], packed)).astype(np.float32)
            scores *= self._scales[block, None]
            scores += self._facts[block] @ weights
            kept.add(block, scores)
        return kept.pairs()

    def _distances(self, points: Doubles, blind: Indexes, asking: Indexes, rows: Indexes) -> Doubles:
        """Distances in float64 of pairs of a query and a row; equal for equal rows except for penalties.

        blind: queries without a direction.
        """
        found = np.empty(len(rows))
        for start in range(0, len(rows), _FIRST_ROWS):
            part = slice(start, start + _FIRST_ROWS)
            chosen, query = rows[part], points if len(points) == 1 else points[asking[part]]
            stored = self._vectors[chosen].astype(np.float64)
            if not self._is_cosine:
                found[part] = lengths_of(stored - query)
                continue
            gap, lengths = directions(stored, self._centre)
            gap -= query
            far = np.einsum("ij,ij->i", gap, gap) / 2
            far[lengths == np.inf] = 1.0
            if len(blind):
                far[np.isin(asking[part], blind)] = 1.0
            found[part] = far + self._penalties[chosen] if len(self._penalties) else far
        return found


class _Kept:
    """The rows that may still be among the k nearest of each of some queries.

    facts: (n, 4) of Codes; weights: (4, queries) of its columns in upper bounds. margin: (queries,), by which
    scores may differ that count as equal.
    """

    def __init__(self, facts: Floats, weights: Floats, margin: Floats, k: int) -> None:
        self._facts, self._weights, self._margin, self._k = facts, weights, margin, k
        self._least = np.full(weights.shape[1], -np.inf, dtype=np.float32)
        # Numbers of queries if there are several, which are sorted faster as short integers; numbers of rows;
        # upper bounds.
        self._found: list[tuple[npt.NDArray[np.int16], Indexes, Floats]] = []
        self._number, self._enough = 0, _MANY

    def add(self, block: slice, scores: Floats) -> None:
        """Add a block of rows with the upper bounds of their scores (rows, queries)."""
        if not block.start and len(scores) >= self._k:
            first = scores[: max(_FIRST_ROWS, self._k)]
            self._least = self._largest(first - 2 * (slack_facts(self._facts[: len(first)]) @ self._weights))
        hits = np.flatnonzero(scores >= self._least)
        rows, queries = hits, hits[:0]
        if len(self._least) > 1:
            rows, queries = np.divmod(hits, len(self._least))
        self._found.append((queries.astype(np.int16), rows + block.start, scores.ravel()[hits]))
        self._number += len(hits)
        if self._number > self._enough:
            self._drop()
            self._enough = 2 * self._number + _MANY

    def pairs(self) -> tuple[Indexes, Indexes]:
        """Numbers of queries, ascending, and their rows."""
        self._drop()
        [(queries, rows, _)] = self._found
        return (queries if len(self._least) > 1 else np.zeros(len(rows))).astype(np.int64), rows

    def _largest(self, lowest: Floats) -> Floats:
        """The k-th largest of each column, less the margin."""
        return (
            np.asarray(np.partition(lowest.T, len(lowest) - self._k)[:, len(lowest) - self._k]) - self._margin
        )

    def _drop(self) -> None:
        """Sort by query and leave out what cannot be among the k nearest any more."""
        queries, rows, scores = self._found[0]
        if len(self._found) > 1:
            queries, rows, scores = (np.concatenate(each) for each in zip(*self._found, strict=True))
        slack = slack_facts(self._facts[rows])
        if len(self._least) == 1:
            if len(rows) >= self._k:
                lowest = scores[:, None] - 2 * (slack @ self._weights)
                self._least = np.maximum(self._least, self._largest(lowest))
            order = np.flatnonzero(scores >= self._least)
            queries = queries[:0]
        else:
            lowest = scores - 2 * np.einsum("ij,ji->i", slack, self._weights[:, queries])
            order = np.argsort(lowest)[::-1]
            order = order[np.argsort(queries[order], kind="stable")]
            starts = np.searchsorted(queries[order], np.arange(len(self._least) + 1))
            enough = np.flatnonzero(np.diff(starts) >= self._k)
            nth = lowest[order[starts[enough] + self._k - 1]]
            self._least[enough] = np.maximum(self._least[enough], nth - self._margin[enough])
            order = order[scores[order] >= self._least[queries[order]]]
            queries = queries[order]
        self._found = [(queries, rows[order], scores[order])]
        self._number = len(order)


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


def _checked_queries(vectors: npt.ArrayLike, k: int, dims: int) -> Doubles:
    queries = np.array(vectors, dtype=np.float64)
    if queries.ndim == 1:
        queries = queries[None, :]
    if queries.ndim != 2 or queries.shape[1] != dims:
        raise ValueError(f"Queries must be of shape (q, {dims}), not {queries.shape}.")
    if k < 1:
        raise ValueError(f"k must be at least 1; got {k}.")
    if not (np.abs(queries) < LONGEST).all():
        raise ValueError("A query holds numbers that are not finite or too large.")
    return queries
