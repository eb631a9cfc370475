"""The genre model that goes with the extractor: fitted to all it may see, judged by what was never seen.

The network has learned the labels of its training posters, so its vectors of them tell genres better than
those of any other poster, and predictions on them, out of fold or not, are too good to set anything by.
Calibration and thresholds therefore come from posters that the network did not learn from, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.head import GenreHead
from ml.genres.logistic_training import train_logistic
from ml.genres.recipes import LOGISTIC, LogisticConfig
from ml.genres.training_set import training_set

OPTIMISTIC = (
    "posters that the extractor learned from: scores, thresholds and figures are too good, because it was "
    "trained on all rows and left none to judge by"
)


@dataclass(frozen=True)
class Told:
    """n posters: vectors (n, d) float32 as a catalogue stores them, labels (n, genres) uint8, groups (n,)."""

    vectors: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    groups: npt.NDArray[np.int64]


def fit_genres(
    seen: Told, unseen: Told, genres: Sequence[str], extractor: str, config: LogisticConfig = LOGISTIC
) -> tuple[GenreHead, dict[str, Any]]:
    """Fit the recipe `logistic` to both, measured, calibrated and cut by `unseen` alone; head and metrics.

    seen: posters that the extractor learned from; unseen: posters that it did not, in groups apart from
    those; where there are none the seen ones stand in, and the metrics say so. genres: names of the labels.
    extractor: fingerprint. Raises TrainingDataError if there is too little to learn from.
    """
    data = training_set(
        np.concatenate([seen.vectors, unseen.vectors]),
        np.concatenate([seen.labels, unseen.labels]),
        genres,
        np.concatenate([seen.groups, unseen.groups]),
        extractor,
    )
    if not len(unseen.vectors):
        head, metrics, _ = train_logistic(data, config)
        return head, metrics | {"measured_on": OPTIMISTIC}
    aside = np.arange(len(data.labels)) < len(seen.vectors)
    head, metrics, _ = train_logistic(data, config, aside=aside)
    return head, metrics
