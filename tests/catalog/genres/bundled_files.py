"""Files like those in ml/bundled, with a genre model whose scores a test can dictate."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from catalog.embeddings import extractors
from ml.genres.head import GenreHead, LinearWeights
from ml.genres.head_file import save_head
from ml.genres.thresholds import NEVER

GENRES = ("Drama", "Sci-Fi", "War")


def bundled_genres(
    folder: Path, *, dims: int = 256, bias: Sequence[float] = (2, 0, -2), extractor: str | None = None
) -> Path:
    """genres.npz, genres.json and card.json of a model that scores every poster by its bias alone.

    The third genre is without evidence.
    """
    count = len(GENRES)
    weights = LinearWeights(
        kernel=np.zeros((dims, count), dtype=np.float32),
        bias=np.array(bias, dtype=np.float32),
        mean=np.zeros(dims, dtype=np.float32),
        scale=np.ones(dims, dtype=np.float32),
    )
    reads = extractors.fingerprint("postersite") if extractor is None else extractor
    head = GenreHead(
        weights, GENRES, (0.4, 0.4, NEVER), reads, "logistic", (0.8, NEVER, NEVER), no_evidence=("War",)
    )
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = save_head(head, folder / "genres.npz")
    metrics = {
        "config": {"name": "logistic", "folds": 5},
        "calibration": {"ece_after": {"value": 0.01, "low": 0.0, "high": 0.02}},
        "measured_on": "posters never seen",
        "validation": {"posters": 1000, "macro_f1": {"value": 0.42, "low": 0.4, "high": 0.44}},
    }
    card = {"posters": {"csv_sha256": "c" * 64}, "genres": {"sha256": sha256, "metrics": metrics}}
    (folder / "card.json").write_text(json.dumps(card))
    return folder / "genres.npz"
