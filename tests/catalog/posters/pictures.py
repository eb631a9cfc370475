"""Movies with drawn posters and their vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from catalog.models import Extractor, Movie, Poster
from catalog.posters.primary import store_poster
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory
from tests.ml.imaging.drawings import drawing, encoded

DIMS = 8


def extractor() -> Extractor:
    return ExtractorFactory(spec="postersite", dims=DIMS)


def showing(
    picture: Image.Image | int, vector: int | None = None, movie: Movie | None = None, **facts: Any
) -> Poster:
    """A movie's shown poster: the picture, or the drawing of that seed; `vector` seeds its vector."""
    image = drawing(picture) if isinstance(picture, int) else picture
    poster = store_poster(movie or MovieFactory(**facts), encoded(image, quality=92), source="upload")
    if vector is not None:
        # Seeds that differ by thousandths give vectors that are close.
        values = np.random.default_rng(vector // 1000).normal(size=DIMS)
        values = values + np.random.default_rng(vector).normal(size=DIMS) * 0.02
        EmbeddingFactory(poster=poster, extractor=extractor(), values=values)
    return poster
