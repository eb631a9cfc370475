"""The training set: trusted labels, features of one extractor, and groups that no split may tear apart."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

import numpy as np

from catalog.models import Embedding, Extractor, MovieGenre

# Perceptual hashes this close are the same picture; such posters stay on one side of every split.
DUPLICATE_BITS = 6
HASHES_PER_BLOCK = 512


@dataclass(frozen=True)
class LabelledPosters:
    """n posters of movies with trusted genres.

    features (n, dims) float32; labels (n, g) uint8; groups (n,) int64, equal for posters of one franchise and
    for near-duplicates; genres: g names, most frequent first.
    """

    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    genres: list[str]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything a model learns from: the same set gives the same fingerprint."""
        digest = hashlib.sha256("|".join(self.genres).encode())
        for array in (self.features, self.labels, self.groups):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def labelled_posters(extractor: Extractor) -> LabelledPosters:
    """Every embedded primary poster of a movie that has genres, ordered by movie."""
    genres_of: dict[int, list[str]] = {}
    for movie_id, name in MovieGenre.objects.order_by("movie_id").values_list("movie_id", "genre__name"):
        genres_of.setdefault(movie_id, []).append(name)
    count = Counter(name for names in genres_of.values() for name in names)
    genres = [name for name, _ in sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))]
    column = {name: index for index, name in enumerate(genres)}
    rows = (
        Embedding.objects.filter(
            extractor=extractor, poster__is_primary=True, poster__movie__movie_genres__isnull=False
        )
        .order_by("poster__movie_id")
        .distinct()
        .values_list("poster__movie_id", "poster__movie__franchise", "poster__perceptual_hash", "vector")
    )
    vectors: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    franchises: list[str] = []
    hashes: list[int] = []
    for movie_id, franchise, perceptual_hash, vector in rows.iterator(chunk_size=500):
        vectors.append(np.frombuffer(vector, dtype="<f2"))
        row = np.zeros(len(genres), dtype=np.uint8)
        row[[column[name] for name in genres_of[movie_id]]] = 1
        labels.append(row)
        franchises.append(franchise)
        hashes.append(int(perceptual_hash, 16))
    return LabelledPosters(
        features=np.array(vectors, dtype=np.float32).reshape(len(vectors), extractor.dims),
        labels=np.array(labels, dtype=np.uint8).reshape(len(labels), len(genres)),
        groups=groups(franchises, np.array(hashes, dtype=np.uint64)),
        genres=genres,
    )


def groups(franchises: list[str], hashes: np.ndarray) -> np.ndarray:
    """Group numbers (n,) int64: one for each set of posters joined by a franchise or near-duplicates."""
    parent = np.arange(len(hashes))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def join(one: int, other: int) -> None:
        low, high = sorted((root(one), root(other)))
        parent[high] = low

    first_of: dict[str, int] = {}
    for index, franchise in enumerate(franchises):
        if franchise:
            join(first_of.setdefault(franchise.casefold(), index), index)
    for start in range(0, len(hashes), HASHES_PER_BLOCK):
        block = hashes[start : start + HASHES_PER_BLOCK]
        close = np.bitwise_count(block[:, None] ^ hashes[None, start:]) <= DUPLICATE_BITS
        for one, other in zip(*np.nonzero(close), strict=True):
            if other > one:
                join(start + int(one), start + int(other))
    return np.array([root(index) for index in range(len(hashes))], dtype=np.int64)
