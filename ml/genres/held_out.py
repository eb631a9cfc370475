"""Decisions of a trained head on its held-out posters, and their comparison with those of another head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.files import UNREADABLE_ARRAYS
from ml.genres.metrics import weighted_f1
from ml.stats import Floats, bootstrap

Bools = npt.NDArray[np.bool_]


class HeldOutError(ValueError):
    """The file of held-out decisions cannot be read; the message names it."""


@dataclass(frozen=True)
class HeldOut:
    """Suggestions for held-out posters.

    rows (m,) int64: their rows in the training set. taken (m, genres) bool: suggestions of the head, or of
    the head of the row's fold, with genres in the head's order.
    """

    rows: npt.NDArray[np.int64]
    taken: Bools

    def save(self, path: Path) -> None:
        """Write to `path` (.npz)."""
        np.savez(path, allow_pickle=False, rows=self.rows, taken=self.taken)

    @classmethod
    def read(cls, path: Path) -> HeldOut:
        """Read what `save` wrote. Raises HeldOutError."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(arrays["rows"], arrays["taken"])
        except (OSError, *UNREADABLE_ARRAYS) as error:
            raise HeldOutError(f"The held-out decisions in {path} cannot be read: {error}") from error


def compare_macro_f1(
    truth: npt.ArrayLike, ours: npt.ArrayLike, theirs: npt.ArrayLike, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Compare the macro F1 of two sets of decisions about the same posters.

    truth, ours, theirs: (n, genres) of 0 and 1, n > 0. Returns `ours`, `theirs` and `difference`, each as
    {"value", "low", "high"} with a 95% percentile bootstrap interval over posters, and the F1 of each genre
    as lists `ours_by_genre` and so on. All use the same resamples, so the differences are paired.

    Raises ValueError for tables of other shapes, or without a poster or genre.
    """
    right, first, second = (np.asarray(table).astype(bool) for table in (truth, ours, theirs))
    if right.ndim != 2 or not right.shape == first.shape == second.shape or 0 in right.shape:
        raise ValueError(
            f"Decisions must be tables of one shape; got {right.shape}, {first.shape}, {second.shape}."
        )

    def statistics(weights: Floats) -> dict[str, Floats]:
        one, other = (weighted_f1(weights, right, chosen) for chosen in (first, second))
        by_genre = {"ours": one, "theirs": other, "difference": one - other}
        means = {name: values.mean(axis=1) for name, values in by_genre.items()}
        return means | {f"{name}_by_genre": values for name, values in by_genre.items()}

    return bootstrap(statistics, len(right), resamples=resamples, seed=seed)
