"""Choose diverse results among near ones: maximal marginal relevance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def diverse_order(
    relevance: npt.ArrayLike, similarity: npt.ArrayLike, count: int, diversity: float
) -> list[int]:
    """Choose `count` of n candidates by maximal marginal relevance (Carbonell & Goldstein, "The Use of MMR,
    Diversity-Based Reranking for Reordering Documents and Producing Summaries", SIGIR 1998).

    Each step takes the candidate with the largest (1 - diversity) × relevance - diversity × its largest
    similarity to those already chosen; of equals the first.

    Args:
        relevance: (n,), larger is better, on the scale of `similarity`.
        similarity: (n, n), between candidates, such as cosines.
        count: how many; all if there are fewer.
        diversity: 0 (only relevance counts) to 1.

    Returns:
        The chosen candidates in order; the most relevant comes first.

    Raises:
        ValueError: shapes do not fit, or diversity is outside [0, 1].
    """
    scores, similar = np.asarray(relevance, dtype=np.float64), np.asarray(similarity, dtype=np.float64)
    if scores.ndim != 1 or similar.shape != (len(scores), len(scores)):
        raise ValueError(f"relevance {scores.shape} does not fit similarity {similar.shape}.")
    if not 0 <= diversity <= 1:
        raise ValueError(f"diversity must be from 0 to 1; got {diversity}.")
    chosen: list[int] = []
    left = np.ones(len(scores), dtype=bool)
    closest = np.full(len(scores), -np.inf)
    while left.any() and len(chosen) < count:
        value = (1 - diversity) * scores - (diversity * closest if chosen else 0.0)
        best = int(np.where(left, value, -np.inf).argmax()) if chosen else int(scores.argmax())
        chosen.append(best)
        left[best] = False
        closest = np.maximum(closest, similar[best])
    return chosen
