"""A genre model whose scores a test chooses, and movies with such scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from catalog.models import Extractor, GenreModel, Movie, Suggestion
from ml.genres.evidence.films import PARTS
from ml.genres.evidence.model import EvidenceModel
from ml.genres.evidence.model_file import save_model
from ml.genres.head import DenseWeights, GenreHead
from ml.genres.head_file import save_head
from tests.factories import EmbeddingFactory, ExtractorFactory, GenreModelFactory, MovieFactory, PosterFactory
from tests.ml.genres.evidence.made_models import make_model

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
    sure = fields.get("sure_thresholds")
    head = GenreHead(
        weights, tuple(genres), cuts, extractor.fingerprint, "test", tuple(sure) if sure else None
    )
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


def evidence_model(
    parts: Sequence[str] = PARTS, *, threshold: float = 0.0, **fields: Any
) -> tuple[GenreModel, EvidenceModel]:
    """A model with random weights for `parts`, over vectors of six numbers, that suggests all its genres."""
    made = make_model(parts)
    extractor = fields.pop("extractor", None) or ExtractorFactory(spec="postersite", dims=6)
    for each in made.combinations.values():
        each.thresholds.suggest[:] = threshold
    folder = Path(settings.MODELS_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"evidence-{GenreModel.objects.count()}.npz"
    sha256 = save_model(replace(made, extractor=extractor.fingerprint), folder / name)
    row = GenreModelFactory(
        extractor=extractor,
        recipe="evidence",
        parts=list(parts),
        genres=list(made.genres),
        thresholds=[threshold] * len(made.genres),
        weights_file=name,
        weights_sha256=sha256,
        **{"state": GenreModel.State.ACTIVE, **fields},
    )
    return row, made


def film(model: GenreModel, *, embedded: bool = True, **movie: Any) -> Movie:
    """A film with a poster and a random vector of it that `evidence_model` can score."""
    poster = PosterFactory(movie=MovieFactory(**movie))
    if embedded:
        EmbeddingFactory(poster=poster, extractor=model.extractor)
    return poster.movie


def vector_for(*scores: float) -> list[float]:
    """The vector that `saved_model` gives these scores, each in (0, 1), to the precision of float16."""
    return [_SHIFT + math.log(score / (1 - score)) for score in scores]


def scored_movie(model: GenreModel, *scores: float, **movie: Any) -> Movie:
    """A movie whose poster `model` gives these scores."""
    poster = PosterFactory(movie=MovieFactory(**movie))
    EmbeddingFactory(poster=poster, extractor=model.extractor, values=vector_for(*scores))
    return poster.movie


def pending_suggestions(movie: Movie) -> set[tuple[str, int]]:
    """Genre and model version of the movie's pending suggestions."""
    rows = movie.suggestions.filter(state=Suggestion.State.PENDING)
    return set(rows.values_list("genre__name", "model__version"))
