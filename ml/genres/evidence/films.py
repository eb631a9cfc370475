"""What is known of films that are to be scored, and which of it a model may use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ml.genres.parts import PARTS, parse_evidence

__all__ = ["PARTS", "Films", "parse_evidence"]


@dataclass(frozen=True)
class Films:
    """What is known of n films.

    vectors (m, d) float32: of their posters. owners (m,) int64: the film (0 to n - 1) of each vector; a film
    that owns none has no poster. titles, overviews: n texts, "" if unknown. years (n,) int64, 0 if unknown.

    Raises ValueError if the parts do not fit.
    """

    vectors: npt.NDArray[np.float32]
    owners: npt.NDArray[np.int64]
    titles: Sequence[str]
    years: npt.NDArray[np.int64]
    overviews: Sequence[str]

    def __post_init__(self) -> None:
        count = len(self.titles)
        if len(self.overviews) != count or np.shape(self.years) != (count,):
            raise ValueError(
                f"Films need one title, year and overview each; got {count} titles, {len(self.years)} years "
                f"and {len(self.overviews)} overviews."
            )
        owners = np.asarray(self.owners)
        if np.ndim(self.vectors) != 2 or owners.shape != (len(self.vectors),):
            raise ValueError("vectors must be (posters, numbers), and owners one number per vector.")
        if owners.size and (owners.dtype.kind not in "iu" or owners.min() < 0 or owners.max() >= count):
            raise ValueError(f"owners must be whole numbers from 0 to {count - 1}.")

    def __len__(self) -> int:
        return len(self.titles)

    def only(self, parts: Iterable[str]) -> Films:
        """The same films with nothing known but these parts."""
        kept = set(parts)
        blank = [""] * len(self)
        poster = "poster" in kept
        return replace(
            self,
            vectors=self.vectors if poster else self.vectors[:0],
            owners=self.owners if poster else self.owners[:0],
            titles=self.titles if "title" in kept else blank,
            years=self.years if "year" in kept else np.zeros(len(self), dtype=np.int64),
            overviews=self.overviews if "overview" in kept else blank,
        )

    def subset(self, rows: npt.NDArray[np.int64]) -> Films:
        """Some of the films, in the order of `rows`, each at most once."""
        place = np.full(len(self), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        owned = place[self.owners] >= 0
        return Films(
            self.vectors[owned],
            place[self.owners[owned]],
            [self.titles[row] for row in rows.tolist()],
            self.years[rows],
            [self.overviews[row] for row in rows.tolist()],
        )
