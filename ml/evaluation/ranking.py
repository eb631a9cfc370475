"""Everybody's look-alikes: the nearest posters to each poster of the set, kin left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ml.grouping import Kinship
from ml.search.hubness import hub_correction
from ml.search.neighbours import BallTreeIndex, ExactIndex, Metric, NeighbourIndex

NOBODY = -1
_TOGETHER = 256

Indexes = npt.NDArray[np.int64]
Progress = Callable[[int], object]


@dataclass(frozen=True)
class Search:
    """How neighbours are measured: exactly by a metric, or by the recipe's ball tree (Euclidean); by cosine
    perhaps with the site's hub correction, made from the posters of the set."""

    method: Literal["exact", "ball_tree"] = "exact"
    metric: Metric = "cosine"
    corrected: bool = False

    def index(self, vectors: npt.NDArray[np.float32]) -> NeighbourIndex:
        if self.method == "ball_tree":
            return BallTreeIndex(vectors)
        return ExactIndex(vectors, self.metric, hub_correction(vectors) if self.corrected else None)

    def __str__(self) -> str:
        told = f"{self.metric}, {'ball tree' if self.method == 'ball_tree' else 'exact'}"
        return f"{told}, hubs corrected" if self.corrected else told


def lookalikes(
    vectors: npt.NDArray[np.float32], search: Search, kin: Kinship, k: int, progress: Progress
) -> Indexes:
    """The k nearest posters to each poster that kinship does not bar, (n, k) int64, nearest first.

    vectors: (n, dims) float32. Where fewer than k may be shown the row ends with NOBODY. Posters at the same
    distance come in the order of their rows. progress is told how many are done.
    """
    found = np.full((len(vectors), k), NOBODY, dtype=np.int64)
    barred = [np.flatnonzero(kin.barred(row)) for row in range(len(vectors))]
    # Kin may take the first places, so as many more are asked for; rows that need alike many go together.
    asked = np.array([_rounded_up(k + len(rows)) for rows in barred])
    index, done = search.index(vectors), 0
    for wanted in np.unique(asked):
        rows = np.flatnonzero(asked == wanted)
        for start in range(0, len(rows), _TOGETHER):
            chunk = rows[start : start + _TOGETHER]
            _, near = index.query(vectors[chunk], int(wanted))
            for row, candidates in zip(chunk, near, strict=True):
                allowed = candidates[~np.isin(candidates, barred[row])][:k]
                found[row, : len(allowed)] = allowed
            done += len(chunk)
            progress(done)
    return found


def _rounded_up(wanted: int) -> int:
    return wanted if wanted <= 16 else 1 << (wanted - 1).bit_length()
