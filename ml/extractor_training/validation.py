"""What the network is worth on posters it does not learn from: a few figures after each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.ranking import Search, lookalikes
from ml.evaluation.similarity import DEPTH, Ground, ground, terms
from ml.genres.logistic import log_loss
from ml.genres.metrics import mean_average_precision
from ml.grouping import Kinship
from ml.stats import mean_of_defined

Floats = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]

_LIFT = 2


@dataclass(frozen=True)
class Asked:
    """The n posters that are asked. rows (n,) int64: where they are among all. labels (n, genres) uint8: of
    the genres that are taught. kin: for look-alikes. truth: what all labels say about neighbours."""

    rows: Indexes
    labels: npt.NDArray[np.uint8]
    kin: Kinship
    truth: Ground


def asked(
    rows: Indexes,
    labels: npt.NDArray[np.uint8],
    taught: Sequence[int],
    hashes: npt.NDArray[np.uint64],
    movie: Indexes,
    franchise: Indexes,
) -> Asked:
    """Put together who is asked; all but rows are about all posters: labels (N, genres), taught: columns."""
    kin = Kinship(hashes[rows], movie[rows], franchise[rows])
    return Asked(rows, labels[rows][:, list(taught)], kin, ground(labels[rows], kin))


def figures(vectors: Floats, logits: Floats, of: Asked) -> dict[str, Any]:
    """Figures of vectors (n, d) and genre logits (n, genres), ready for JSON; None where one is undefined.

    genre_loss (nats a poster), map (mean average precision), share_at_5_lift and franchise_recall_at_5 with
    franchise_queries, the posters asked for it, as `ml.evaluation.similarity` defines them.
    """
    near = lookalikes(vectors, Search(), of.kin, DEPTH, lambda done: None)
    seen = terms(near, of.truth)
    queries = float(seen.asking.sum())
    return {
        "genre_loss": _known(log_loss(of.labels, logits).sum()),
        "map": _known(mean_average_precision(of.labels, logits)),
        "share_at_5_lift": _known(float(mean_of_defined(seen.columns[:, _LIFT]))),
        "franchise_recall_at_5": _known(seen.hits[:, 0].sum() / queries) if queries else None,
        "franchise_queries": int(queries),
    }


def sentence(told: dict[str, Any]) -> str:
    """The figures in one line for a person."""
    shown = {
        "mAP": told["map"],
        "share@5 lift": told["share_at_5_lift"],
        "franchise recall@5": told["franchise_recall_at_5"],
    }
    parts = [f"{name} {'undefined' if value is None else f'{value:.3f}'}" for name, value in shown.items()]
    return f"{', '.join(parts)} ({told['franchise_queries']} asked)"


def _known(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
