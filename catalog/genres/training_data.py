"""The training data of genre models: trusted labels, vectors of one extractor, and groups for splits."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from django.db.models import Exists, OuterRef

from catalog.models import Embedding, Extractor, MovieGenre
from ml.grouping import PosterRelations, group_numbers


@dataclass(frozen=True)
class LabelledPosters:
    """n posters of movies with trusted genres.

    posters (n,) int64: their ids. features (n, dims) float32. labels (n, g) uint8. groups (n,) int64: equal
    for posters of one franchise and for near-duplicates, which a split must not separate. genres: g names,
    most frequent first.
    """

    posters: np.ndarray
    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    genres: list[str]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything that a model is trained on."""
        digest = hashlib.sha256("|".join(self.genres).encode())
        for array in (self.features, self.labels, self.groups):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def labelled_posters(extractor: Extractor, only: Collection[int] | None = None) -> LabelledPosters:
    """The embedded primary posters of movies that have genres, ordered by movie; `only` these movie ids."""
    tagged = MovieGenre.objects.filter(movie=OuterRef("poster__movie"))
    rows = (
        Embedding.objects.filter(Exists(tagged), extractor=extractor, poster__is_primary=True)
        .order_by("poster__movie_id")
        .values_list(
            "poster", "poster__movie_id", "poster__movie__franchise", "poster__perceptual_hash", "vector"
        )
    )
    chosen = None if only is None else set(only)
    posters: list[int] = []
    movies: list[int] = []
    vectors: list[np.ndarray] = []
    franchises: list[str] = []
    hashes: list[int] = []
    for poster_id, movie_id, franchise, perceptual_hash, vector in rows.iterator(chunk_size=500):
        if chosen is not None and movie_id not in chosen:
            continue
        posters.append(poster_id)
        movies.append(movie_id)
        vectors.append(np.frombuffer(vector, dtype="<f2"))
        franchises.append(franchise)
        hashes.append(int(perceptual_hash, 16))
    genres, labels = _labels(movies)
    return LabelledPosters(
        posters=np.array(posters, dtype=np.int64),
        features=np.array(vectors, dtype=np.float32).reshape(len(vectors), extractor.dims),
        labels=labels,
        groups=split_groups(franchises, np.array(hashes, dtype=np.uint64)),
        genres=genres,
    )


def _labels(movies: list[int]) -> tuple[list[str], np.ndarray]:
    """The genres of these movies, most frequent first, and the labels (n, g) uint8."""
    row_of = {movie_id: row for row, movie_id in enumerate(movies)}
    pairs = [
        (row_of[movie_id], name)
        for movie_id, name in MovieGenre.objects.values_list("movie_id", "genre__name").order_by()
        if movie_id in row_of
    ]
    count = Counter(name for _, name in pairs)
    genres = sorted(count, key=lambda name: (-count[name], name))
    column = {name: index for index, name in enumerate(genres)}
    labels = np.zeros((len(movies), len(genres)), dtype=np.uint8)
    for row, name in pairs:
        labels[row, column[name]] = 1
    return genres, labels


def split_groups(franchises: list[str], hashes: np.ndarray) -> np.ndarray:
    """Group numbers (n,) int64: one for each set of posters joined by a franchise or near-duplicates."""
    series = group_numbers([franchise.casefold() for franchise in franchises])
    movies = np.full(len(hashes), -1, dtype=np.int64)  # unknown: each movie has one row
    return PosterRelations(hashes=hashes, movie=movies, series=series).split_groups()
