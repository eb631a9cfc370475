"""Agreement of two people about the genres of films."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml.stats import Figure, Floats, bootstrap, ratio


def cohens_kappa(
    first: npt.ArrayLike, second: npt.ArrayLike, *, resamples: int = 1000, seed: int = 0
) -> list[Figure]:
    """Cohen's kappa of each genre, with a 95% bootstrap interval over films.

    first, second: (n, g) of 0 and 1. Kappa is 1 if both always agree and 0 if they agree as often as by
    chance; it is undefined (None) for a genre that both gave to all films, or to none.

    Cohen, "A coefficient of agreement for nominal scales", 1960.

    Raises ValueError if the shapes do not fit, or without films.
    """
    one, two = np.asarray(first).astype(bool), np.asarray(second).astype(bool)
    if one.ndim != 2 or one.shape != two.shape:
        raise ValueError(f"Both tables must have one shape; got {one.shape} and {two.shape}.")

    def statistics(weights: Floats) -> dict[str, Floats]:
        films = weights.sum(axis=1, keepdims=True)
        agreed, by_one, by_two = (weights @ of.astype(float) / films for of in (one == two, one, two))
        by_chance = by_one * by_two + (1 - by_one) * (1 - by_two)
        return {"kappa": ratio(agreed - by_chance, 1 - by_chance)}

    found: list[Figure] = bootstrap(statistics, len(one), resamples=resamples, seed=seed)["kappa"]
    return found
