"""Exact search in the rows of a file and in rows that were added since it was written, as in one index."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from .codes import Codes
from .hubness import HubCorrection, penalties_of_added
from .neighbours import ExactIndex, Floats, Indexes, Metric


class GrowingIndex:
    """Exact neighbours by id. An index is never changed: `adding` returns another one over the same file.

    The hub correction stays that of the file, and added rows get penalties by its centre and references. The
    results are those of an ExactIndex over all rows in the order of their ids, with these penalties.

    Args:
        ids: (n,) int64, ascending.
        vectors: (n, dims) float16, an array or a memory map.
        metric, correction, codes: as in ExactIndex.

    Raises: ValueError, as ExactIndex.
    """

    def __init__(
        self,
        ids: Indexes,
        vectors: npt.NDArray[np.float16],
        metric: Metric = "cosine",
        correction: HubCorrection | None = None,
        codes: Codes | None = None,
    ) -> None:
        self._ids, self._vectors, self._metric, self._correction = ids, vectors, metric, correction
        self._file = ExactIndex(vectors, metric, correction, codes)
        self._added_ids = np.empty(0, dtype=np.int64)
        self._added_vectors = np.empty((0, vectors.shape[1]), dtype=np.float16)
        self._added_penalties = np.empty(0, dtype=np.float32)
        self._added = ExactIndex(self._added_vectors, metric)
        self._replaced = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ids) - len(self._replaced) + len(self._added_ids)

    @property
    def added(self) -> int:
        """Number of rows that are not in the file."""
        return len(self._added_ids)

    def adding(self, ids: Indexes, vectors: npt.NDArray[np.float16]) -> GrowingIndex:
        """The index with more rows, in any order. Those with the id of an earlier row replace it."""
        penalties = np.zeros(len(ids), dtype=np.float32)
        if self._correction is not None:
            penalties = penalties_of_added(vectors, self._vectors, self._correction)
        kept = ~np.isin(self._added_ids, ids)
        every = np.concatenate([self._added_ids[kept], ids])
        order = np.argsort(every)
        grown = copy(self)
        grown._added_ids = every[order]
        grown._added_vectors = np.concatenate([self._added_vectors[kept], vectors])[order]
        grown._added_penalties = np.concatenate([self._added_penalties[kept], penalties])[order]
        correction = None
        if self._correction is not None:
            correction = HubCorrection(self._correction.centre, grown._added_penalties)
        grown._added = ExactIndex(grown._added_vectors, self._metric, correction)
        first, after = (np.searchsorted(self._ids, grown._added_ids, side) for side in ("left", "right"))
        grown._replaced = first[first < after]
        return grown

    def query(self, vectors: npt.ArrayLike, k: int) -> tuple[Floats, Indexes]:
        """As NeighbourIndex, but with ids instead of numbers of rows."""
        distances, rows = self._file.query(vectors, k + len(self._replaced))
        ids = self._ids[rows]
        if not self.added:
            return distances, ids
        distances[np.isin(rows, self._replaced)] = np.inf
        nearer, places = self._added.query(vectors, k)
        distances = np.concatenate([distances, nearer], axis=1)
        ids = np.concatenate([ids, self._added_ids[places]], axis=1)
        nearest = np.lexsort((ids, distances))[:, : min(k, len(self))]
        return np.take_along_axis(distances, nearest, axis=1), np.take_along_axis(ids, nearest, axis=1)

    def vectors_of(self, ids: npt.ArrayLike) -> npt.NDArray[Any]:
        """The vectors (m, dims) float16 of ids (m,) that `query` has returned."""
        wanted = np.asarray(ids, dtype=np.int64)
        found = np.empty((len(wanted), self._vectors.shape[1]), dtype=np.float16)
        is_added = np.isin(wanted, self._added_ids)
        found[is_added] = self._added_vectors[np.searchsorted(self._added_ids, wanted[is_added])]
        found[~is_added] = self._vectors[np.searchsorted(self._ids, wanted[~is_added])]
        return found
