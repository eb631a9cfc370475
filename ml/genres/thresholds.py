"""Decisions by thresholds: a genre is suggested if its score is strictly above its threshold."""

import numpy as np
import numpy.typing as npt

RECIPE_THRESHOLD = 0.6

# Threshold of a genre that is never suggested or never sure: no score is above 1.
NEVER = 1.0


def decide(scores: npt.ArrayLike, thresholds: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Decide which genres are suggested.

    scores: (n, genres) or (genres,) floats. thresholds: one number for all genres, or (genres,) numbers.
    Returns a bool array shaped like scores; a score equal to its threshold is not a suggestion. Thresholds
    are converted to the type of the scores: a float32 score of 0.6 is not above 0.6.

    Raises ValueError if a score or threshold is NaN, or if the shapes do not fit.
    """
    values = np.asarray(scores)
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    cuts = np.asarray(thresholds, dtype=values.dtype)
    if cuts.ndim > 1 or (cuts.ndim == 1 and (values.ndim == 0 or cuts.shape[0] != values.shape[-1])):
        raise ValueError(
            f"Thresholds of shape {cuts.shape} do not fit scores of shape {values.shape}: "
            "give one number, or one per genre."
        )
    if np.isnan(values).any():
        raise ValueError("Some scores are not numbers (NaN).")
    if np.isnan(cuts).any():
        raise ValueError("A threshold is not a number (NaN).")
    return np.asarray(values > cuts)
