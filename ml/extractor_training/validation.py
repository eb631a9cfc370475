"""Metrics on posters that the network does not learn from, computed after each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.logistic import log_loss
from ml.genres.metrics import mean_average_precision
from ml.grouping import PosterRelations
from ml.search.lookalike_metrics import ChanceLevel, Search, chance_level, lookalikes, poster_scores
from ml.stats import mean_of_defined

Floats = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]

_LIFT = 2


@dataclass(frozen=True)
class ValidationSet:
    """n validation posters.

    rows (n,) int64: their rows among all. labels (n, genres) uint8 of the genres learned. relations: which
    are excluded as look-alikes. chance: the chance level of all labels.
    """

    rows: Indexes
    labels: npt.NDArray[np.uint8]
    relations: PosterRelations
    chance: ChanceLevel


def validation_set(
    rows: Indexes,
    labels: npt.NDArray[np.uint8],
    learned: Sequence[int],
    hashes: npt.NDArray[np.uint64],
    movie: Indexes,
    franchise: Indexes,
) -> ValidationSet:
    """Take the validation rows from arrays of all n posters.

    labels (n, all genres); learned: columns of the genres learned; hashes, movie, franchise (n,).
    """
    relations = PosterRelations(hashes[rows], movie[rows], franchise[rows])
    return ValidationSet(
        rows, labels[rows][:, list(learned)], relations, chance_level(labels[rows], relations)
    )


def validation_metrics(vectors: Floats, logits: Floats, data: ValidationSet) -> dict[str, Any]:
    """Metrics of vectors (n, d) and genre logits (n, genres), ready for JSON; undefined ones are None.

    genre_loss (nats per poster), map (mean average precision), share_at_5_lift and franchise_recall_at_5 with
    its number of queries, as `ml.search.lookalike_metrics` defines them.
    """
    neighbours = lookalikes(vectors, Search(), data.relations)
    scores = poster_scores(neighbours, data.chance)
    queries = float(scores.queries.sum())
    return {
        "genre_loss": _finite(log_loss(data.labels, logits).sum()),
        "map": _finite(mean_average_precision(data.labels, logits)),
        "share_at_5_lift": _finite(float(mean_of_defined(scores.columns[:, _LIFT]))),
        "franchise_recall_at_5": _finite(scores.hits[:, 0].sum() / queries) if queries else None,
        "franchise_queries": int(queries),
    }


def metrics_line(metrics: dict[str, Any]) -> str:
    """The metrics as one line of text."""
    shown = {
        "mAP": metrics["map"],
        "share@5 lift": metrics["share_at_5_lift"],
        "franchise recall@5": metrics["franchise_recall_at_5"],
    }
    parts = [f"{name} {'undefined' if value is None else f'{value:.3f}'}" for name, value in shown.items()]
    return f"{', '.join(parts)} ({metrics['franchise_queries']} queries)"


def _finite(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
