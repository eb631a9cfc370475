"""A film's year as a piecewise linear function per genre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]

# About as many films between two neighbours in a catalogue of popular films.
KNOTS = np.array(
    [1915, 1930, 1940, 1950, 1960, 1970, 1978, 1985, 1991, 1996, 2000, 2004, 2008, 2012, 2016, 2024]
)


def hats(years: Indexes) -> Float32:
    """Weights of the two knots around each year, (n, knots) float32; beyond the ends, of the last knot."""
    return np.stack([np.interp(years, KNOTS, row) for row in np.eye(len(KNOTS))], axis=1, dtype=np.float32)


@dataclass(frozen=True)
class YearModel:
    """kernel (knots, g) float32 and bias (g,) float32: a logit is their interpolation between two knots.

    Raises ValueError if the arrays do not fit.
    """

    kernel: Float32
    bias: Float32

    def __post_init__(self) -> None:
        if self.bias.ndim != 1 or self.kernel.shape != (len(KNOTS), len(self.bias)):
            raise ValueError(f"The weights of the year must be ({len(KNOTS)}, genres).")
        if not (np.isfinite(self.kernel).all() and np.isfinite(self.bias).all()):
            raise ValueError("The weights of the year hold numbers that are not finite.")

    def logits(self, years: Indexes) -> tuple[Float32, npt.NDArray[np.bool_]]:
        """Logits (n, g) float32, and which years are known (n,); 0 is unknown."""
        known = np.asarray(years) > 0
        logits = np.asarray(hats(years) @ self.kernel + self.bias, dtype=np.float32)
        return logits, known
