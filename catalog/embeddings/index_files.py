"""Index files for look-alikes. Workers and commands build them; the web process only reads them.

Newer embeddings are read from the database, so all processes and machines find a new poster at once.
"""

from __future__ import annotations

import fcntl
import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db.models import Count, Exists, Max, OuterRef, Q, Subquery
from django.utils import timezone

from catalog import shared_files
from catalog.models import Embedding, Extractor, Poster, Run, SimilarityIndex
from ml.files import UNREADABLE_ARRAYS
from ml.search.codes import Codes, read_codes, write_codes
from ml.search.growing_index import GrowingIndex
from ml.search.hubness import (
    CorrectionUnreadable,
    HubCorrection,
    hub_correction,
    read_correction,
    write_correction,
)
from ml.search.neighbours import Metric

from . import extractors

log = logging.getLogger(__name__)

IDS, VECTORS, CORRECTION = "ids.npy", "vectors.npy", "hubs-1.npz"
UNREADABLE = (*UNREADABLE_ARRAYS, OSError, CorrectionUnreadable)
# An index is built again when more embeddings than this have come or gone. Until then, each process reads
# those that have come, so it needs a limit. The share keeps hub penalties good in small catalogues.
MOST_CHANGES, MOST_CHANGED = 2000, 0.05
# During an embedding run, it is built again when it lacks a fifth of the embeddings, or at this age.
GROWTH = 1.25
MAX_AGE = timedelta(minutes=10)
# Look-alikes change to another extractor when it lacks at most this share of the posters that they show now:
# damaged files must not prevent it for ever.
MOST_MISSING = 0.05
# Replaced files stay a while for web processes that are about to open them.
OLD_FILES_S = 300.0
# Objects of a bucket longer: those of an index that is still uploaded belong to no row yet.
OLD_OBJECTS_S = 3600.0


class IndexNotReady(RuntimeError):
    """The index files of an extractor are not there yet; a worker builds them."""


@dataclass(frozen=True)
class LoadedIndex:
    """An open index: its files, and embeddings that were added since.

    Of the files: poster_ids (n,) int64, ascending; vectors (n, dims) float16, memory-mapped; correction.
    search: the files and what was added, by poster id. newest: the highest id of the embeddings in it.
    """

    path: Path
    poster_ids: np.ndarray
    vectors: np.ndarray
    correction: HubCorrection | None
    search: GrowingIndex
    newest: int = 0


_loaded: dict[tuple[int, Metric], LoadedIndex] = {}
_downloading: set[Path] = set()
_lock = threading.Lock()


def metric_of(spec: str) -> Metric:
    """The metric by which vectors of an extractor are compared: Euclidean for raw pixels, else cosine."""
    return "euclidean" if spec.startswith("pixels") else "cosine"


def open_index(extractor: Extractor, metric: Metric) -> LoadedIndex:
    """The current index of an extractor, opened once per process until a new one is built.

    It has the embeddings that were added since, at most MOST_CHANGES. With the cosine metric, hubs are
    corrected. Raises IndexNotReady.
    """
    made = Embedding.objects.filter(extractor=OuterRef("extractor")).order_by("-pk")
    index = SimilarityIndex.objects.annotate(newest=Subquery(made.values("pk")[:1]))
    found = index.filter(extractor=extractor).values_list("folder", "last_embedding", "newest").first()
    if found is None:
        raise IndexNotReady(f"No index has been built for {extractor} yet.")
    folder, last, newest = found
    path = _home(extractor) / folder
    with _lock:
        loaded = _loaded.get((extractor.pk, metric))
        if loaded is not None and loaded.path != path and not _is_here(path, metric):
            _download(path, metric)  # until it is here, the one before serves
        elif loaded is None or loaded.path != path:
            try:
                ids, vectors, correction, codes = _read(path, metric)
            except UNREADABLE as error:
                raise IndexNotReady(f"The index of {extractor} cannot be read: {error}") from error
            # Earlier versions stored float32, and no codes. The numbers are those of float16 embeddings.
            if vectors.dtype == np.float32:
                vectors = vectors.astype(np.float16)
            search = GrowingIndex(ids, vectors, metric, correction, codes)
            loaded = _loaded[extractor.pk, metric] = LoadedIndex(path, ids, vectors, correction, search, last)
            if shared_files.is_shared():
                _remove_old(path.parent, path.name)
    if newest is None or newest <= loaded.newest or loaded.search.added >= MOST_CHANGES:
        return loaded
    grown = _with_newer(loaded, extractor)
    with _lock:
        if _loaded.get((extractor.pk, metric)) is loaded:
            _loaded[extractor.pk, metric] = grown
    return grown


def _with_newer(loaded: LoadedIndex, extractor: Extractor) -> LoadedIndex:
    """The index with embeddings that are newer than its newest. Ids are in the order of commits."""
    newer = Embedding.objects.filter(extractor=extractor, pk__gt=loaded.newest).order_by("pk")
    rows = list(newer.values_list("pk", "poster_id", "vector")[: MOST_CHANGES - loaded.search.added])
    if not rows:
        return loaded  # deleted meanwhile
    posters, vectors = list[int](), list[np.ndarray]()
    for _, poster_id, stored in rows:
        vector = np.frombuffer(stored, dtype="<f2")
        # `check_catalogue` reports damaged ones.
        if len(vector) == extractor.dims and np.isfinite(vector).all():
            posters.append(poster_id)
            vectors.append(vector)
    search = loaded.search.adding(np.array(posters), np.array(vectors)) if posters else loaded.search
    return replace(loaded, search=search, newest=rows[-1][0])


def is_stale(extractor: Extractor) -> bool:
    """Whether the index is missing, damaged or of an earlier version, or too many embeddings came or went."""
    index = SimilarityIndex.objects.filter(extractor=extractor).first()
    if index is None or _changes(index) > min(MOST_CHANGES, MOST_CHANGED * index.rows):
        return True
    try:
        _, vectors, _, codes = _read(_home(extractor) / index.folder, metric_of(extractor.spec))
    except shared_files.DownloadFailed as error:
        log.warning("The index of %s could not be downloaded: %s", extractor, error.strerror)
        return False
    except UNREADABLE:
        return True
    return vectors.dtype != np.float16 or codes is None


def build(extractor: Extractor) -> bool:
    """Write index files over all embeddings of an extractor, and make them the current ones.

    False when there are no embeddings, or another process on this host is building the same index.
    Raises OSError.
    """
    rows, last = _state(extractor)
    if not rows:
        return False
    home = _home(extractor)
    home.mkdir(parents=True, exist_ok=True)
    with _build_lock(home) as acquired:
        if not acquired:
            return False
        folder = f"{rows}-{last}-{secrets.token_hex(4)}"
        draft = Path(tempfile.mkdtemp(dir=home, prefix="draft-"))
        try:
            _write(extractor, rows, last, draft)
            draft.rename(home / folder)
            shared_files.publish(*sorted((home / folder).iterdir()))
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        SimilarityIndex.objects.update_or_create(
            extractor=extractor,
            defaults={"folder": folder, "rows": rows, "last_embedding": last, "built_at": timezone.now()},
        )
        _remove_old(home, folder)
        shared_files.delete_published(home, keep=folder, older_than_s=OLD_OBJECTS_S)
    return True


def build_during_run(run: Run) -> None:
    """After a batch of an embedding run, build indexes that grew enough; after the last one, all stale ones.

    Errors are logged, because a failed build must not fail the run; `build_stale` tries again.
    """
    is_last = not (run.chunks.exists() or run.items.filter(state__in=("pending", "running")).exists())
    serving = extractors.default_extractor()
    for extractor, index in _extractors_with_embeddings():
        if must_wait(extractor, serving, is_embedding=not is_last):
            continue
        has_grown = index is None or _state(extractor)[0] > index.rows * GROWTH
        if has_grown or (is_last and is_stale(extractor)):
            _build_or_log(extractor)


def build_stale() -> None:
    """Build stale indexes, unless an embedding run is about to, and remove old files. Called on schedule."""
    is_embedding = Run.objects.filter(kind="embed", state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists()
    serving = extractors.default_extractor()
    for extractor, index in _extractors_with_embeddings():
        home = _home(extractor)
        if index is not None and home.is_dir():
            with _build_lock(home) as acquired:
                # A process that is building removes old files itself, and its draft may look like one.
                if acquired:
                    _remove_old(home, index.folder)
        is_recent = index is not None and index.built_at > timezone.now() - MAX_AGE
        if must_wait(extractor, serving, is_embedding=is_embedding):
            continue
        if not (is_embedding and is_recent) and is_stale(extractor):
            _build_or_log(extractor)


def must_wait(extractor: Extractor, serving: Extractor | None, *, is_embedding: bool) -> bool:
    """Whether an index would change look-alikes to an extractor that lacks many of their posters."""
    if serving is None or serving == extractor or not extractors.would_replace(extractor, serving):
        return False
    if not SimilarityIndex.objects.filter(extractor=serving).exists():
        return False  # nothing serves yet
    if is_embedding:
        return True
    embedded = Embedding.objects.filter(poster=OuterRef("pk"))
    served = Poster.objects.filter(Exists(embedded.filter(extractor=serving)), is_primary=True)
    missing = served.filter(~Exists(embedded.filter(extractor=extractor)))
    return missing.count() > MOST_MISSING * served.count()


def _build_or_log(extractor: Extractor) -> None:
    try:
        build(extractor)
    except Exception:
        log.exception("The index of %s could not be built; the next scheduled task tries again.", extractor)


def _extractors_with_embeddings() -> Iterator[tuple[Extractor, SimilarityIndex | None]]:
    indexes = {index.extractor_id: index for index in SimilarityIndex.objects.all()}
    embeddings = Embedding.objects.filter(extractor=OuterRef("pk"))
    for extractor in Extractor.objects.filter(Exists(embeddings)):
        yield extractor, indexes.get(extractor.pk)


def _home(extractor: Extractor) -> Path:
    return Path(settings.INDEX_DIR) / str(extractor.pk)


def _state(extractor: Extractor) -> tuple[int, int]:
    """Number and highest id of the extractor's embeddings."""
    found = Embedding.objects.filter(extractor=extractor).aggregate(rows=Count("pk"), last=Max("pk"))
    return found["rows"], found["last"] or 0


def _changes(index: SimilarityIndex) -> int:
    """How many embeddings have come and gone since an index was built."""
    newer = Count("pk", filter=Q(pk__gt=index.last_embedding))
    found = Embedding.objects.filter(extractor=index.extractor_id).aggregate(rows=Count("pk"), newer=newer)
    gone = index.rows - (found["rows"] - found["newer"])
    return int(found["newer"] + abs(gone))


def _names(metric: Metric) -> list[str]:
    return [IDS, VECTORS, CORRECTION] if metric == "cosine" else [IDS, VECTORS]


def _codes_files(folder: Path, metric: Metric) -> tuple[Path, Path]:
    return folder / f"codes-{metric}-1.npy", folder / f"codes-{metric}-1.npz"


def _is_here(folder: Path, metric: Metric) -> bool:
    return not shared_files.is_shared() or all((folder / name).exists() for name in _names(metric))


def _download(folder: Path, metric: Metric) -> None:
    """Download an index in a thread of its own, while pages use the one before."""

    def download() -> None:
        try:
            _read(folder, metric)
        except UNREADABLE as error:
            log.warning("The index in %s could not be downloaded: %s", folder, error)
        finally:
            _downloading.discard(folder)

    if folder not in _downloading:
        _downloading.add(folder)
        threading.Thread(target=download, daemon=True).start()


def _read(folder: Path, metric: Metric) -> tuple[np.ndarray, np.ndarray, HubCorrection | None, Codes | None]:
    """Ids, vectors, hub correction (with cosine), and this metric's codes if there are. Raises UNREADABLE."""
    # The others last: they are there when all are.
    coded = [_fetched_or_none(file) for file in _codes_files(folder, metric)]
    files = [shared_files.fetched(folder / name) for name in _names(metric)]
    ids = np.load(files[0])
    # Files that are replaced and removed while they are mapped stay readable.
    vectors = np.load(files[1], mmap_mode="r")
    correction = read_correction(files[2]) if metric == "cosine" else None
    if len(ids) != len(vectors) or (correction is not None and not correction.fits(vectors)):
        raise ValueError(f"{folder} holds files of different lengths")
    if coded[0] is None or coded[1] is None:
        return ids, vectors, correction, None
    return ids, vectors, correction, read_codes((coded[0], coded[1]), vectors.shape)


def _fetched_or_none(file: Path) -> Path | None:
    with suppress(FileNotFoundError):
        found = shared_files.fetched(file)
        return found if found.exists() else None
    return None


def _write(extractor: Extractor, rows: int, last: int, folder: Path) -> None:
    # Embeddings deleted during the build leave rows at the end, with an id that no poster has.
    ids = np.full(rows, np.iinfo(np.int64).max)
    # Streamed into the file, because the matrix may be larger than the memory of a worker.
    vectors = np.lib.format.open_memmap(
        folder / VECTORS, mode="w+", dtype=np.float16, shape=(rows, extractor.dims)
    )
    made = Embedding.objects.filter(extractor=extractor, pk__lte=last).order_by("poster_id")
    pairs = made.values_list("poster_id", "vector")[:rows].iterator(chunk_size=500)
    for row, (poster_id, vector) in enumerate(pairs):
        ids[row] = poster_id
        vectors[row] = np.frombuffer(vector, dtype="<f2")
    vectors.flush()
    np.save(folder / IDS, ids)
    metric, correction = metric_of(extractor.spec), None
    if metric == "cosine":
        correction = hub_correction(vectors)
        write_correction(correction, folder / CORRECTION)
    write_codes(vectors, metric, correction, _codes_files(folder, metric))


@contextmanager
def _build_lock(home: Path) -> Iterator[bool]:
    """Whether this process got the lock; false while another process on this host builds the index."""
    with (home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _remove_old(home: Path, current: str) -> None:
    for old in home.glob("*"):
        with suppress(OSError):
            if old.is_dir() and old.name != current and old.stat().st_mtime < time.time() - OLD_FILES_S:
                shutil.rmtree(old)
