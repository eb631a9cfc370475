"""The training data of genre models: trusted labels, vectors and texts, and groups for splits."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Exists, OuterRef

from catalog.models import Embedding, Extractor, Movie, MovieGenre
from ml.genres.training_set import TrainingSet, training_set
from ml.grouping import PosterRelations, group_numbers


@dataclass(frozen=True)
class LabelledFilms:
    """n movies with trusted genres.

    movies (n,) int64: their ids. posters (n,) int64: ids of their embedded posters, 0 for a movie without
    one. features (n, dims) float32, zeros without a poster. labels (n, g) uint8. groups (n,) int64: equal for
    movies of one franchise, with near-duplicate posters or with the same overview, which a split must not
    separate. genres: g names, most frequent first. titles, years, overviews: n each; "" and 0 are unknown.
    parts: what may be learned from.
    """

    movies: np.ndarray
    posters: np.ndarray
    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    genres: list[str]
    titles: list[str]
    years: np.ndarray
    overviews: list[str]
    parts: tuple[str, ...] = ("poster",)

    @property
    def has_poster(self) -> np.ndarray:
        return self.posters > 0

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything that a model is trained on."""
        digest = hashlib.sha256("|".join(self.genres).encode())
        for array in (self.features, self.labels, self.groups):
            digest.update(np.ascontiguousarray(array).tobytes())
        if self.parts != ("poster",):
            digest.update(json.dumps([self.parts, self.titles, self.overviews]).encode())
            digest.update(self.years.tobytes())
        return digest.hexdigest()

    def training_set(self, extractor: str) -> TrainingSet:
        """The same for the training process. extractor: its fingerprint. Raises TrainingDataError."""
        more: dict[str, Any] = {}
        if self.parts != ("poster",):
            more = {
                "titles": self.titles,
                "years": self.years,
                "overviews": self.overviews,
                "has_poster": self.has_poster,
            }
        return training_set(self.features, self.labels, self.genres, self.groups, extractor, **more)


def labelled_films(
    extractor: Extractor, only: Collection[int] | None = None, parts: Sequence[str] = ("poster",)
) -> LabelledFilms:
    """The movies that have genres, with the embedded posters that they show; `only` these movie ids.

    Movies without an embedded poster are left out unless there are other `parts` to learn from.
    """
    chosen = None if only is None else set(only)
    texts: dict[int, tuple[str, str, int, str]] = {}
    tagged = Movie.objects.filter(Exists(MovieGenre.objects.filter(movie=OuterRef("pk")))).order_by("pk")
    columns = ("pk", "franchise", "title", "year", "overview")
    for pk, franchise, title, year, overview in tagged.values_list(*columns).iterator(chunk_size=500):
        if chosen is None or pk in chosen:
            texts[pk] = franchise, title, year or 0, overview
    rows = Embedding.objects.filter(extractor=extractor, poster__is_primary=True)
    embedded = {
        movie: (poster, int(perceptual_hash, 16), np.frombuffer(vector, dtype="<f2").astype(np.float32))
        for poster, movie, perceptual_hash, vector in rows.values_list(
            "poster", "poster__movie_id", "poster__perceptual_hash", "vector"
        ).iterator(chunk_size=500)
        if movie in texts
    }
    movies = [pk for pk in texts if tuple(parts) != ("poster",) or pk in embedded]
    genres, labels = _labels(movies)
    features = np.zeros((len(movies), extractor.dims), dtype=np.float32)
    posters = np.zeros(len(movies), dtype=np.int64)
    # Two random hashes are practically never near-duplicates.
    hashes = np.random.default_rng(0).integers(0, 2**64, len(movies), dtype=np.uint64)
    for row, pk in enumerate(movies):
        if pk in embedded:
            posters[row], hashes[row], features[row] = embedded[pk]
    known = [texts[pk] for pk in movies]
    overviews = [overview for *_, overview in known]
    return LabelledFilms(
        movies=np.array(movies, dtype=np.int64),
        posters=posters,
        features=features,
        labels=labels,
        groups=split_groups([franchise for franchise, *_ in known], hashes, overviews),
        genres=genres,
        titles=[title for _, title, _, _ in known],
        years=np.array([year for _, _, year, _ in known], dtype=np.int64),
        overviews=overviews,
        parts=tuple(parts),
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


def split_groups(franchises: list[str], hashes: np.ndarray, overviews: list[str]) -> np.ndarray:
    """Group numbers (n,) int64: one for each set of movies joined by a franchise, an overview or
    near-duplicate posters."""
    series = group_numbers([franchise.casefold() for franchise in franchises])
    # Each movie has one row, so those with the same overview can take the place of those of one movie.
    same = group_numbers([overview.casefold() for overview in overviews])
    return PosterRelations(hashes=hashes, movie=same, series=series).split_groups()
