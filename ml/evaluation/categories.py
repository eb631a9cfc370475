"""Same-category precision@5: of a picture's five nearest, the share of its own category."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.ranking import NOBODY
from ml.grouping import Kinship
from ml.stats import Floats, bootstrap, ratio, weighted_means

AT = 5

Indexes = npt.NDArray[np.int64]


def precision_terms(neighbours: Indexes, category: Indexes) -> Floats:
    """Each picture's precision@5, (n,); NaN for one without a neighbour.

    neighbours: (n, k), nearest first, NOBODY where there are fewer. category: (n,).
    """
    nearest = neighbours[:, :AT]
    present = nearest != NOBODY
    same = present & (category[nearest] == category[:, None])
    return ratio(same.sum(axis=1), present.sum(axis=1))


def random_terms(kin: Kinship, category: Indexes) -> Floats:
    """What neighbours drawn at random from those allowed would have, exactly, (n,); NaN where nobody is."""
    terms = np.full(len(kin), np.nan)
    for row in range(len(kin)):
        allowed = ~kin.barred(row)
        if allowed.any():
            terms[row] = (category[allowed] == category[row]).mean()
    return terms


def precision_figure(terms: Floats, *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """The mean of the terms and its 95% interval over pictures. Differences of terms give paired ones."""
    found: dict[str, Any] = bootstrap(
        lambda weights: {"mean": weighted_means(weights, terms)}, len(terms), resamples=resamples, seed=seed
    )["mean"]
    return found
