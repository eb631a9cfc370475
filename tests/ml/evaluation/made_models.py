"""Genre models for tests of evaluation: random weights on pixel vectors, saved with a manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ml.extractors.registry import parse_spec
from ml.genres import head_file
from ml.genres.evidence import model_file
from ml.genres.head import GenreHead, LinearWeights
from tests.ml.genres.evidence.made_models import make_model
from tests.ml.genres.heads import make_weights
from tests.ml.labelled_set.made_sets import GENRES

SPEC = "pixels:8x12"
DIMS = 8 * 12 * 3


def save_model(folder: Path, name: str = "head", genres=GENRES, seed: int = 0, **manifest: Any) -> Path:
    """A genre model over `pixels:8x12`; `manifest` changes entries of its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = make_weights(DIMS, 5, len(genres), seed)
    head = GenreHead.with_threshold(
        weights, genres, 0.5, extractor=parse_spec(SPEC).fingerprint(), recipe="compact"
    )
    path = folder / f"{name}.npz"
    head_file.save_head(head, path)
    if manifest:
        file = path.with_suffix(".json")
        file.write_text(json.dumps(json.loads(file.read_text()) | manifest))
    return path


def save_evidence_model(folder: Path) -> Path:
    """A model over all parts of the evidence that knows three of the genres; its poster part is over
    `pixels:8x12`."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    shapes = LinearWeights.shapes(DIMS, 3)
    weights = LinearWeights(
        *(random.uniform(0.01, 0.02, shape).astype(np.float32) for shape in shapes.values())
    )
    head = GenreHead(weights, GENRES[:3], (0.3,) * 3, parse_spec(SPEC).fingerprint(), "logistic")
    path = folder / "evidence.npz"
    model_file.save_model(make_model(head=head), path)
    return path
