"""Look-alikes: the posters nearest to a poster, by any extractor, exactly or with the recipe's ball tree."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from django.conf import settings
from django.db.models import Exists, OuterRef

from catalog.models import Embedding, Extractor, Movie, Poster
from ml.diversity import diverse_order
from ml.hubness import (
    CorrectionUnreadable,
    HubCorrection,
    cosines,
    hub_correction,
    read_correction,
    write_correction,
)
from ml.images import DUPLICATE_BITS, hash_distance
from ml.neighbours import BallTreeIndex, ExactIndex, Metric, NeighbourIndex

from . import duplicates, embedding

log = logging.getLogger(__name__)

Method = Literal["exact", "ball_tree"]
METHODS: tuple[Method, ...] = ("exact", "ball_tree")
# A ball tree holds float64 copies in every process: above this many numbers (320 MB) it is refused.
LARGEST_BALL_TREE = 40_000_000
IDS_PER_QUERY = 1000
# A large index that took long to build is not built again at once while posters are being embedded.
QUICK_S = 0.5
PAUSE_PER_SECOND = 20.0
# Where diversity is asked for, it chooses among so many times the look-alikes shown.
CHOICE = 4
# Another name makes corrections of an earlier version's arithmetic anew.
CORRECTION = "hubs-1.npz"
KEPT_S = 300.0  # seconds that files of an earlier state are kept for processes about to open them


class TooLargeForBallTree(ValueError):
    """The catalogue has outgrown the recipe's ball tree; the exact index still works."""


@dataclass(frozen=True)
class LookAlike:
    """A neighbour: its movie, the poster that looks alike, and how far it is (see `metric_name`).

    The order of a list is that of corrected distances where hubs are corrected, so `distance` may fall and
    rise within it.
    """

    movie: Movie
    poster: Poster
    distance: float


class _Candidate(NamedTuple):
    """A poster that may be shown: its row in the index, how far by its search, its group of duplicates."""

    poster: Poster
    row: int
    far: float
    group: int | None


class _Stamp(NamedTuple):
    """What embeddings of an extractor there are. The moment tells a database from one made anew."""

    rows: int
    last_id: int
    last_made: datetime

    @property
    def name(self) -> str:
        return f"{self.rows}-{self.last_id}-{self.last_made.timestamp():.6f}"


@dataclass(frozen=True)
class _Loaded:
    stamp: _Stamp
    poster_ids: np.ndarray  # (n,) int64, ascending
    vectors: np.ndarray  # (n, dims) float32, memory-mapped: all processes share it
    index: NeighbourIndex
    correction: HubCorrection | None
    # Until then (monotonic) it serves although the catalogue has changed.
    good_until: float


_loaded: dict[tuple[Path, str], _Loaded] = {}
_lock = threading.Lock()


def extractors_in_use() -> list[Extractor]:
    """Extractors that have embedded something, the site's default first."""
    used = list(Extractor.objects.filter(Exists(Embedding.objects.filter(extractor=OuterRef("pk")))))
    first = embedding.default_extractor()
    return sorted(used, key=lambda extractor: (extractor != first, extractor.pk))


def metric_name(extractor: Extractor, method: str = "exact") -> Metric:
    """Raw pixels and the recipe's ball tree measure Euclidean distance, everything else cosine distance."""
    return "euclidean" if method == "ball_tree" else metric_of(extractor.spec)


def metric_of(spec: str) -> Metric:
    """The metric by which vectors of an extractor are compared exactly."""
    return "euclidean" if spec.startswith("pixels") else "cosine"


def lookalikes(
    movie: Movie, extractor: Extractor | None = None, k: int | None = None, method: str = "exact"
) -> list[LookAlike]:
    """The k movies whose posters are nearest to this movie's, nearest first.

    By cosine, hubs are corrected, and LOOKALIKES_DIVERSITY may choose among what is near. Leaves out the
    movie itself and posters that are the same picture as it or as one already listed: by their hashes, or
    in one group of duplicates. Empty while the movie has no embedded poster. Raises TooLargeForBallTree, and
    ValueError for an unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"There is no method {method!r}; choose one of {', '.join(METHODS)}.")
    extractor = extractor or embedding.default_extractor()
    poster = movie.primary_poster
    k = settings.LOOKALIKES if k is None else k
    if poster is None or extractor is None or k < 1:
        return []
    loaded = _index(extractor, method)
    if loaded is None:
        return []
    row = int(np.searchsorted(loaded.poster_ids, poster.pk))
    if row == len(loaded.poster_ids) or loaded.poster_ids[row] != poster.pk:
        return []
    diversity = settings.LOOKALIKES_DIVERSITY if loaded.correction is not None else 0.0
    found = _different(poster, row, loaded, CHOICE * k if diversity else k)
    if diversity:
        found = _diverse(found, loaded, k, diversity)
    far = [each.far for each in found]
    if loaded.correction is not None:
        # What a reader can make sense of; corrected distances only say who comes first.
        rows = [each.row for each in found]
        far = (1 - cosines(loaded.vectors[[row]], loaded.vectors[rows])[0]).clip(0, 2).tolist()
    return [
        LookAlike(each.poster.movie, each.poster, distance) for each, distance in zip(found, far, strict=True)
    ]


def _different(poster: Poster, row: int, loaded: _Loaded, wanted: int) -> list[_Candidate]:
    """The `wanted` nearest that show other pictures than `poster` and each other, nearest first."""
    query = np.asarray(loaded.vectors[row : row + 1], dtype=np.float32)
    shown, found = [_Candidate(poster, row, 0.0, None)], list[_Candidate]()
    seen, reach = 0, min(len(loaded.poster_ids), 4 * wanted + 16)
    while seen < reach:
        distances, rows = loaded.index.query(query, reach)
        for candidate in _candidates(poster, loaded, rows[0, seen:], distances[0, seen:]):
            if any(_is_same_picture(candidate, other) for other in shown):
                continue
            shown.append(candidate)
            found.append(candidate)
            if len(found) == wanted:
                return found
        seen, reach = reach, min(len(loaded.poster_ids), reach * 4)
    return found


def _diverse(found: list[_Candidate], loaded: _Loaded, k: int, diversity: float) -> list[_Candidate]:
    assert loaded.correction is not None  # noqa: S101  the caller asked
    vectors = loaded.vectors[[each.row for each in found]]
    likeness = cosines(vectors, vectors, loaded.correction.centre)
    relevance = [1 - each.far for each in found]
    return [found[number] for number in diverse_order(relevance, likeness, k, diversity)]


def _candidates(
    poster: Poster, loaded: _Loaded, rows: np.ndarray, distances: np.ndarray
) -> Iterator[_Candidate]:
    """Posters shown for other movies and not known to be duplicates of this one, in the order of `rows`."""
    ids = loaded.poster_ids[rows]
    others = (
        Poster.objects.filter(is_primary=True, movie__merged_into__isnull=True)
        .exclude(movie=poster.movie_id)
        .select_related("movie")
        .prefetch_related("movie__genres")
    )
    for start in range(0, len(ids), IDS_PER_QUERY):
        part = slice(start, start + IDS_PER_QUERY)
        by_id = others.in_bulk(ids[part].tolist())
        groups = duplicates.groups_of([poster.pk, *by_id])
        own = groups.get(poster.pk)
        for poster_id, row, far in zip(
            ids[part].tolist(), rows[part].tolist(), distances[part].tolist(), strict=True
        ):
            group = groups.get(poster_id)
            if poster_id in by_id and (own is None or group != own):
                yield _Candidate(by_id[poster_id], row, far, group)


def _is_same_picture(one: _Candidate, other: _Candidate) -> bool:
    if one.group is not None and one.group == other.group:
        return True
    apart = hash_distance(one.poster.perceptual_hash, other.poster.perceptual_hash)
    return apart <= DUPLICATE_BITS


def _index(extractor: Extractor, method: str) -> _Loaded | None:
    """The index over all embeddings of the extractor; None when there are none."""
    made = Embedding.objects.filter(extractor=extractor)
    last = made.order_by("-pk").values_list("pk", "created_at").first()
    if last is None:
        return None
    stamp = _Stamp(made.count(), *last)
    folder = Path(settings.INDEX_DIR) / str(extractor.pk)
    with _lock:
        held = _loaded.get((folder, method))
        started = time.monotonic()
        if held is not None and (held.stamp == stamp or started < held.good_until):
            return held
        if method == "ball_tree" and stamp.rows * extractor.dims > LARGEST_BALL_TREE:
            raise TooLargeForBallTree(
                f"{stamp.rows} posters × {extractor.dims} numbers are too many for a ball tree; "
                "use the exact index."
            )
        home = folder / stamp.name
        poster_ids, vectors = _matrix(extractor, stamp, home)
        index: NeighbourIndex
        correction = None
        if method == "ball_tree":
            index = BallTreeIndex(vectors)
        else:
            metric = metric_of(extractor.spec)
            if metric == "cosine":
                correction = _correction(home, vectors)
            index = ExactIndex(vectors, metric, correction)
        took = time.monotonic() - started
        good_until = time.monotonic() + (PAUSE_PER_SECOND * took if took > QUICK_S else 0.0)
        _loaded[folder, method] = _Loaded(stamp, poster_ids, vectors, index, correction, good_until)
        return _loaded[folder, method]


def _matrix(extractor: Extractor, stamp: _Stamp, home: Path) -> tuple[np.ndarray, np.ndarray]:
    """Poster ids (n,) and vectors (n, dims) of an extractor, from the files that all processes share."""
    if not home.is_dir():
        _write_matrix(extractor, stamp, home)
    # What another process takes away after it is open stays readable: only its name disappears.
    return np.load(home / "ids.npy"), np.load(home / "vectors.npy", mmap_mode="r")


def _correction(home: Path, vectors: np.ndarray) -> HubCorrection:
    """The hub correction of the vectors, from the file beside them; made where it is missing or damaged."""
    path = home / CORRECTION
    try:
        found = read_correction(path)
        if found.fits(vectors):
            return found
        log.warning("%s is of other vectors; it is made again.", path)
    except FileNotFoundError:
        pass
    except (OSError, CorrectionUnreadable) as error:
        log.warning("%s It is made again.", error)
    made = hub_correction(vectors)
    with suppress(OSError):  # another process took the folder away: the next one that needs it will write
        write_correction(made, path)
    return made


def _write_matrix(extractor: Extractor, stamp: _Stamp, home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    # Rows deleted while we read leave a tail that no poster's id finds.
    ids = np.full(stamp.rows, np.iinfo(np.int64).max)
    draft = Path(tempfile.mkdtemp(dir=home.parent, prefix="draft-"))
    try:
        # Streamed into the file: at 60,000 posters the matrix is larger than a web process should ever hold.
        # Widened to float32 here once: doing it at every query made that five times slower at 50,000 posters.
        vectors = np.lib.format.open_memmap(
            draft / "vectors.npy", mode="w+", dtype=np.float32, shape=(stamp.rows, extractor.dims)
        )
        known = Embedding.objects.filter(extractor=extractor, pk__lte=stamp.last_id).order_by("poster_id")
        rows = known.values_list("poster_id", "vector")
        for row, (poster_id, vector) in enumerate(rows[: stamp.rows].iterator(chunk_size=500)):
            ids[row] = poster_id
            vectors[row] = np.frombuffer(vector, dtype="<f2")
        vectors.flush()
        np.save(draft / "ids.npy", ids)
        with suppress(OSError):  # another process was faster, and its files say the same
            draft.rename(home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    for old in home.parent.iterdir():
        # Younger ones may be what another process is about to open, or still writes.
        with suppress(OSError):
            if old != home and old.stat().st_mtime < time.time() - KEPT_S:
                shutil.rmtree(old)
