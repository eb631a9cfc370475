"""Diversity: choosing among what is near so that the chosen do not all look the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def diverse_order(
    relevance: npt.ArrayLike, likeness: npt.ArrayLike, count: int, diversity: float
) -> list[int]:
    """Choose `count` of n candidates by maximal marginal relevance (Carbonell & Goldstein, "The Use of MMR,
    Diversity-Based Reranking for Reordering Documents and Producing Summaries", SIGIR 1998).

    The next is always the candidate with the largest (1 - diversity) × relevance - diversity × its likeness
    to the most alike of those already chosen; of equals the first.

    Args:
        relevance: (n,), larger is better, on the scale of `likeness`.
        likeness: (n, n), of candidates to each other, such as cosines.
        count: how many; all where there are fewer.
        diversity: 0 (the most relevant, whatever they look like) to 1.

    Returns:
        Their numbers in the order chosen; the most relevant comes first.

    Raises:
        ValueError: shapes that don't fit, or a diversity outside [0, 1].
    """
    wanted, alike = np.asarray(relevance, dtype=np.float64), np.asarray(likeness, dtype=np.float64)
    if wanted.ndim != 1 or alike.shape != (len(wanted), len(wanted)):
        raise ValueError(f"{wanted.shape} candidates cannot have likenesses of shape {alike.shape}.")
    if not 0 <= diversity <= 1:
        raise ValueError(f"Diversity is from 0 to 1, not {diversity}.")
    chosen: list[int] = []
    left = np.ones(len(wanted), dtype=bool)
    closest = np.full(len(wanted), -np.inf)
    while left.any() and len(chosen) < count:
        value = (1 - diversity) * wanted - (diversity * closest if chosen else 0.0)
        best = int(np.where(left, value, -np.inf).argmax()) if chosen else int(wanted.argmax())
        chosen.append(best)
        left[best] = False
        closest = np.maximum(closest, alike[best])
    return chosen
