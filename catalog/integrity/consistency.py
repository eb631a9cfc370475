"""Compare what the database says with what is on disk, tell what does not fit, and mend what can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import F
from django.db.models.fields.files import FieldFile
from django.db.models.functions import Length
from PIL.Image import Image

from catalog import search
from catalog.embeddings import embedding
from catalog.models import Embedding, Poster
from catalog.posters import primary
from catalog.posters.sources.registry import POSTER_SOURCES
from catalog.posters.storage import FOLDER, delete_orphan, is_older
from ml.imaging import images

TOGETHER = 500
BYTES_A_NUMBER = 2  # float16
# A poster's files are there before its row: what is younger may be one that is being stored.
YOUNG_S = 3600.0


class Kind(StrEnum):
    """What may be wrong; the value is how it is counted in a sentence."""

    ORIGINAL = "posters without a sound picture"
    SMALLER = "posters without a sound smaller picture"
    OTHER = "posters whose file shows another picture"
    VECTOR = "vectors of the wrong length"
    UNEMBEDDED = "posters that are not embedded"
    ORPHAN = "files that no poster uses"
    UNSEARCHED = "movies that search does not find by their present titles"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit. what: a sentence. pk: its poster, embedding or movie. path: its file."""

    kind: Kind
    what: str
    pk: int = 0
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Mended:
    """What was done. fetch: movies whose poster must be fetched again; left: what a person must see to."""

    rewritten: int
    removed_files: int
    removed_vectors: int
    fetch: list[int]
    left: list[Finding]


def look(*, deep: bool = False, progress: Callable[[int], object] = lambda done: None) -> Iterator[Finding]:
    """Everything that does not fit, poster by poster; memory does not grow with their number.

    deep: open every picture and compare it with its poster's perceptual hash, instead of only asking whether
    the file is there. progress is told how many posters are done.
    """
    rows = Poster.objects.select_related("movie").order_by("pk").iterator(chunk_size=TOGETHER)
    for done, poster in enumerate(rows, start=1):
        yield from _pictures(poster, deep)
        progress(done)
    yield from _vectors()
    yield from _unembedded()
    yield from _orphans()
    for pk in search.outdated():
        yield Finding(Kind.UNSEARCHED, f"movie no. {pk} is not indexed for search", pk)


def mend(findings: Iterable[Finding]) -> Mended:
    """Make smaller pictures anew, delete orphans and unfit vectors, index movies for search; say which
    posters must be fetched again.

    Embedding and fetching are runs of their own, for the caller to start.
    """
    rewritten = files = vectors = 0
    fetch: list[int] = []
    left: list[Finding] = []
    unsearched: list[int] = []
    for finding in findings:
        if finding.kind == Kind.ORPHAN and finding.path is not None:
            files += delete_orphan(finding.path, YOUNG_S)
        elif finding.kind == Kind.UNSEARCHED:
            unsearched.append(finding.pk)
        elif finding.kind == Kind.VECTOR:
            vectors += Embedding.objects.filter(pk=finding.pk).delete()[0]
        elif finding.kind in (Kind.ORIGINAL, Kind.OTHER, Kind.SMALLER):
            poster = Poster.objects.filter(pk=finding.pk).first()
            made = _smaller_made(poster) if poster and finding.kind == Kind.SMALLER else 0
            rewritten += made
            if poster is None or made:
                continue  # gone in the meantime, or mended
            if poster.source in POSTER_SOURCES:
                fetch.append(poster.movie_id)
            else:
                left.append(finding)
    search.index(unsearched)
    return Mended(rewritten, files, vectors, sorted(set(fetch)), left)


def _smaller_made(poster: Poster) -> int:
    try:
        return primary.write_smaller(poster)
    except (OSError, images.ImageRejected):
        return 0  # only a deep look would have seen that the original is no better


class _Unsound(Exception):
    """A stored picture cannot be shown; the message says why."""


def _pictures(poster: Poster, deep: bool) -> Iterator[Finding]:
    for finding in _unsound(poster, deep):
        # Whoever deletes a poster deletes its files a moment later.
        if Poster.objects.filter(pk=poster.pk).exists():
            yield finding


def _unsound(poster: Poster, deep: bool) -> Iterator[Finding]:
    told = f"{poster} (no. {poster.pk})"
    try:
        original = _opened(poster.file, deep)
    except _Unsound as error:
        yield Finding(Kind.ORIGINAL, f"{told}: {error}", poster.pk)
        return
    if original is not None:
        bits = images.hash_distance(images.perceptual_hash(original), poster.perceptual_hash)
        if bits > images.DUPLICATE_BITS:
            yield Finding(Kind.OTHER, f"{told}: {poster.file.name} is not it", poster.pk)
            return
    try:
        for smaller in (poster.medium, poster.thumbnail):
            _opened(smaller, deep)
    except _Unsound as error:
        yield Finding(Kind.SMALLER, f"{told}: {error}", poster.pk)


def _opened(stored: FieldFile, deep: bool) -> Image | None:
    """The stored picture, decoded once, or None where its file's being there is all that was asked."""
    name = str(stored.name)
    try:
        if not default_storage.size(name):
            raise _Unsound(f"{name} is empty")
        if not deep:
            return None
        with default_storage.open(name) as file:
            return images.open_safely(file.read())
    except images.ImageRejected as error:
        raise _Unsound(f"{name} is damaged: {error}") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise _Unsound(f"{name} cannot be read: {why or error}") from error


def _vectors() -> Iterator[Finding]:
    sized = Embedding.objects.annotate(bytes=Length("vector")).select_related("poster__movie", "extractor")
    for row in sized.exclude(bytes=F("extractor__dims") * BYTES_A_NUMBER).order_by("pk").iterator():
        told = f"{row.poster}: its vector by {row.extractor.fingerprint} has {len(row.vector)} bytes"
        yield Finding(Kind.VECTOR, told, row.pk)


def _unembedded() -> Iterator[Finding]:
    shown = Poster.objects.filter(is_primary=True).select_related("movie")
    for poster in embedding.lacking(shown, embedding.specs_to_embed_with()).order_by("pk").iterator():
        yield Finding(Kind.UNEMBEDDED, f"{poster} (no. {poster.pk}) is not embedded", poster.pk)


def _orphans() -> Iterator[Finding]:
    """Folder by folder, each named by the beginning of its files' names: never all names in memory."""
    root = Path(settings.MEDIA_ROOT)
    for folder in sorted(path for path in (root / FOLDER).glob("*") if path.is_dir()):
        rows = Poster.objects.filter(file__startswith=f"{FOLDER}/{folder.name}/")
        used = {name for names in rows.values_list("file", "medium", "thumbnail") for name in names}
        for path in sorted(folder.iterdir()):
            name = path.relative_to(root).as_posix()
            if path.is_file() and name not in used and is_older(path, YOUNG_S):
                yield Finding(Kind.ORPHAN, f"{name} belongs to no poster", path=path)
