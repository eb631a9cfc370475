"""Look-alikes: the posters nearest to a poster, by any extractor, exactly or with the recipe's ball tree."""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from django.conf import settings
from django.db.models import Count, Exists, Max, OuterRef
from ml.neighbours import BallTreeIndex, ExactIndex, NeighbourIndex

from catalog.models import Embedding, Extractor, Movie, Poster
from ml.images import hash_distance

from . import embedding

Method = Literal["exact", "ball_tree"]
METHODS: tuple[Method, ...] = ("exact", "ball_tree")
# Perceptual hashes this close are the same picture re-compressed or resized; false pairs begin at 8 bits.
DUPLICATE_BITS = 6
# A ball tree holds float64 copies in every process: above this many numbers (320 MB) it is refused.
LARGEST_BALL_TREE = 40_000_000


class TooLargeForBallTree(ValueError):
    """The catalogue has outgrown the recipe's ball tree; the exact index still works."""


@dataclass(frozen=True)
class LookAlike:
    """A neighbour: its movie, the poster that looks alike, and how far it is (see `metric_name`)."""

    movie: Movie
    poster: Poster
    distance: float


@dataclass(frozen=True)
class _Loaded:
    stamp: tuple[int, int]
    poster_ids: np.ndarray  # (n,) int64, ascending
    vectors: np.ndarray  # (n, dims) float16, memory-mapped: all processes share it
    index: NeighbourIndex


_loaded: dict[tuple[int, str], _Loaded] = {}
_lock = threading.Lock()


def extractors_in_use() -> list[Extractor]:
    """Extractors that have embedded something, the site's default first."""
    used = list(Extractor.objects.filter(Exists(Embedding.objects.filter(extractor=OuterRef("pk")))))
    first = embedding.default_extractor()
    return sorted(used, key=lambda extractor: (extractor != first, extractor.pk))


def metric_name(extractor: Extractor, method: str = "exact") -> Literal["cosine", "euclidean"]:
    """Raw pixels and the recipe's ball tree measure Euclidean distance, everything else cosine distance."""
    return "euclidean" if method == "ball_tree" or extractor.spec.startswith("pixels") else "cosine"


def lookalikes(
    movie: Movie, extractor: Extractor | None = None, k: int | None = None, method: str = "exact"
) -> list[LookAlike]:
    """The k movies whose posters are nearest to this movie's, nearest first.

    Leaves out the movie itself and posters that are near-duplicates of it or of one already listed. Empty
    while the movie has no embedded poster. Raises TooLargeForBallTree, and ValueError for an unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"There is no method {method!r}; choose one of {', '.join(METHODS)}.")
    extractor = extractor or embedding.default_extractor()
    poster = movie.primary_poster
    k = settings.LOOKALIKES if k is None else k
    if poster is None or extractor is None or k < 1:
        return []
    loaded = _index(extractor, method)
    row = int(np.searchsorted(loaded.poster_ids, poster.pk))
    if row == len(loaded.poster_ids) or loaded.poster_ids[row] != poster.pk:
        return []
    query = np.asarray(loaded.vectors[row : row + 1], dtype=np.float32)
    reach = min(len(loaded.poster_ids), 4 * k + 16)
    while True:
        distances, rows = loaded.index.query(query, reach)
        found = _choose(poster, loaded.poster_ids[rows[0]], distances[0], k)
        if len(found) == k or reach == len(loaded.poster_ids):
            return found
        reach = min(len(loaded.poster_ids), reach * 4)


def _choose(poster: Poster, ids: np.ndarray, distances: np.ndarray, k: int) -> list[LookAlike]:
    candidates = (
        Poster.objects.filter(pk__in=ids.tolist(), is_primary=True)
        .exclude(movie=poster.movie_id)
        .select_related("movie")
        .prefetch_related("movie__genres")
    )
    by_id = {candidate.pk: candidate for candidate in candidates}
    shown = [poster]
    found: list[LookAlike] = []
    for poster_id, distance in zip(ids.tolist(), distances.tolist(), strict=True):
        candidate = by_id.get(poster_id)
        if candidate is None or any(_is_duplicate(candidate, other) for other in shown):
            continue
        shown.append(candidate)
        found.append(LookAlike(candidate.movie, candidate, distance))
        if len(found) == k:
            break
    return found


def _is_duplicate(one: Poster, other: Poster) -> bool:
    return hash_distance(one.perceptual_hash, other.perceptual_hash) <= DUPLICATE_BITS


def _index(extractor: Extractor, method: str) -> _Loaded:
    rows = Embedding.objects.filter(extractor=extractor).aggregate(n=Count("pk"), last=Max("pk"))
    stamp = (rows["n"], rows["last"] or 0)
    key = (extractor.pk, method)
    with _lock:
        held = _loaded.get(key)
        if held is not None and held.stamp == stamp:
            return held
        poster_ids, vectors = _matrix(extractor, stamp)
        index: NeighbourIndex
        if method == "ball_tree":
            if vectors.size > LARGEST_BALL_TREE:
                raise TooLargeForBallTree(
                    f"{len(vectors)} posters × {extractor.dims} numbers are too many for a ball tree; "
                    "use the exact index."
                )
            index = BallTreeIndex(vectors)
        else:
            index = ExactIndex(vectors, metric=metric_name(extractor, method))
        _loaded[key] = _Loaded(stamp, poster_ids, vectors, index)
        return _loaded[key]


def _matrix(extractor: Extractor, stamp: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Poster ids (n,) and vectors (n, dims) of an extractor, from the file that all processes share."""
    folder = Path(settings.INDEX_DIR) / str(extractor.pk)
    name = f"{stamp[0]}-{stamp[1]}"
    ids_file, vectors_file = folder / f"{name}.ids.npy", folder / f"{name}.vectors.npy"
    if not (ids_file.exists() and vectors_file.exists()):
        _write_matrix(extractor, stamp, ids_file, vectors_file)
    return np.load(ids_file), np.load(vectors_file, mmap_mode="r")


def _write_matrix(extractor: Extractor, stamp: tuple[int, int], ids_file: Path, vectors_file: Path) -> None:
    folder = ids_file.parent
    folder.mkdir(parents=True, exist_ok=True)
    known = Embedding.objects.filter(extractor=extractor, pk__lte=stamp[1])
    count = stamp[0]
    # Rows deleted while we read leave a tail that no poster's id finds.
    ids = np.full(count, np.iinfo(np.int64).max)
    with tempfile.TemporaryDirectory(dir=folder) as drafts:
        # Streamed into the file: at 60,000 posters the matrix is larger than a web process should ever hold.
        draft = Path(drafts) / "vectors.npy"
        vectors = np.lib.format.open_memmap(draft, mode="w+", dtype=np.float16, shape=(count, extractor.dims))
        rows = known.order_by("poster_id").values_list("poster_id", "vector")
        for row, (poster_id, vector) in enumerate(rows[:count].iterator(chunk_size=500)):
            ids[row] = poster_id
            vectors[row] = np.frombuffer(vector, dtype="<f2")
        vectors.flush()
        del vectors
        np.save(Path(drafts) / "ids.npy", ids)
        os.replace(draft, vectors_file)
        os.replace(Path(drafts) / "ids.npy", ids_file)
    for old in folder.glob("*.npy"):
        # A process that still maps an older file keeps it until it lets go; only the name disappears.
        if old not in (ids_file, vectors_file):
            old.unlink(missing_ok=True)
