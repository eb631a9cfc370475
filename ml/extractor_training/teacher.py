"""What ImageNet's features alone say of genres: soft targets for the network that learns to do better.

A poster's genres as somebody once listed them are a yes or no to what often is more or less; scores of a
simpler model, which has not seen the poster, say how plausible each genre looks, missing ones too (Hinton,
Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml.genres.head import sigmoid
from ml.genres.logistic import fit_logistic, logits_of, project
from ml.genres.splitting import folds

FOLDS, SEED, COMPONENTS = 5, 3, 384
# Of each genre's logistic regression, times the number of posters.
_STRENGTH = 50.0

Floats = npt.NDArray[np.float32]


def teacher_scores(depths: Floats, labels: npt.NDArray[np.uint8], groups: npt.NDArray[np.int64]) -> Floats:
    """Genre scores (n, genres) float32 in [0, 1] of each poster, by a model that saw none of its group.

    depths (n, d): pooled features; labels (n, genres) of 0 and 1; groups (n,): equal for kin. Raises
    TrainingDataError for fewer than two groups.
    """
    fold = folds(groups, labels, FOLDS, SEED)
    rows = project(depths, COMPONENTS, SEED).apply(depths)
    rows /= rows.std()
    variances = rows.var(axis=0, dtype=np.float64)
    scores = np.empty(labels.shape, dtype=np.float32)
    for number in np.unique(fold).tolist():
        held = fold == number
        found = fit_logistic(rows[~held], labels[~held], _STRENGTH / (~held).sum(), variances)
        scores[held] = sigmoid(logits_of(rows[held], found))
    return scores
