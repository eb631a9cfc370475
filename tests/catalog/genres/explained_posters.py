"""Suggestions with heat maps: by a model on the bundled extractor, for real pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from PIL import Image

from catalog.embeddings import extractors
from catalog.models import Extractor, GenreModel, Movie, Suggestion
from catalog.posters import primary
from ml.genres.head import GenreHead, LinearWeights
from ml.genres.head_file import save_head
from tests.factories import ExtractorFactory, GenreFactory, GenreModelFactory, MovieFactory, SuggestionFactory

GENRES = ("Comedy", "Drama", "Horror")


def picture(seed: int = 0, size: tuple[int, int] = (200, 300)) -> bytes:
    """A JPEG of coarse coloured noise."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 4, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(file, "JPEG")
    return file.getvalue()


def linear_model(seed: int = 0, *, state: str = GenreModel.State.ACTIVE, **fields: Any) -> GenreModel:
    """A linear model of GENRES on the vectors of `postersite`, with its weights in the models folder.

    Its average poster is `picture(0)`. Some places of that increase a genre's score, others decrease it.
    """
    average = extractors.load("postersite").embed_image(picture(0))
    extractor = fields.pop("extractor", None) or ours()
    kernel = np.random.default_rng(seed).normal(size=(len(average), len(GENRES))).astype(np.float32)
    weights = LinearWeights(kernel, np.zeros_like(kernel[0]), average, np.ones_like(average))
    head = GenreHead.with_threshold(weights, GENRES, extractor=extractor.fingerprint)
    folder = Path(settings.MODELS_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"linear-{seed}.npz"
    return GenreModelFactory(
        extractor=extractor,
        genres=list(GENRES),
        weights_file=name,
        weights_sha256=save_head(head, folder / name),
        state=state,
        **fields,
    )


def ours() -> Extractor:
    dims = extractors.load("postersite").dims
    return ExtractorFactory(spec="postersite", fingerprint=extractors.fingerprint("postersite"), dims=dims)


def suggestions_with_maps(
    model: GenreModel | None = None, *, genres: Sequence[str] = ("Horror",), seed: int = 0, **movie: Any
) -> list[Suggestion]:
    """One pending suggestion per genre for a movie with the poster `picture(seed)`."""
    model = model or GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first() or linear_model()
    film: Movie = MovieFactory(**movie)
    poster = primary.store_poster(film, picture(seed), source="upload")
    return [
        SuggestionFactory(
            movie=film, genre=GenreFactory(name=genre), model=model, poster=poster, score=0.9 - place / 10
        )
        for place, genre in enumerate(genres)
    ]
