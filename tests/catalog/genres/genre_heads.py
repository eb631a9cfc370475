"""A genre model whose scores a test can dictate, with its files in the models folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from catalog.models import Extractor, GenreModel
from ml.genres.head import DenseWeights, GenreHead
from ml.genres.head_file import save_head
from tests.factories import ExtractorFactory, GenreModelFactory

GENRES = ("Comedy", "Drama", "Horror")
_SHIFT = 10.0


def saved_model(
    extractor: Extractor | None = None,
    *,
    genres: Sequence[str] = GENRES,
    thresholds: Sequence[float] | None = None,
    state: str = GenreModel.State.ACTIVE,
    **fields: Any,
) -> GenreModel:
    """A model over vectors of one number a genre: see `vector_for`."""
    extractor = extractor or ExtractorFactory(dims=len(genres))
    count = len(genres)
    weights = DenseWeights(
        hidden_kernel=np.eye(count, dtype=np.float32),
        hidden_bias=np.zeros(count, dtype=np.float32),
        output_kernel=np.eye(count, dtype=np.float32),
        output_bias=np.full(count, -_SHIFT, dtype=np.float32),
        mean=np.zeros(count, dtype=np.float32),
        scale=np.ones(count, dtype=np.float32),
    )
    cuts = tuple(thresholds or (0.6,) * count)
    head = GenreHead(weights, tuple(genres), cuts, extractor.fingerprint, "test")
    folder = Path(settings.MODELS_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"head-{GenreModel.objects.count()}.npz"
    sha256 = save_head(head, folder / name)
    return GenreModelFactory(
        extractor=extractor,
        genres=list(genres),
        thresholds=list(cuts),
        weights_file=name,
        weights_sha256=sha256,
        state=state,
        **fields,
    )


def vector_for(*scores: float) -> list[float]:
    """The vector that `saved_model` gives these scores, each in (0, 1), to the precision of float16."""
    return [_SHIFT + math.log(score / (1 - score)) for score in scores]
