"""Find where the database and the stored files differ, and repair what can be repaired."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.core.files.storage import default_storage
from django.db.models import F
from django.db.models.fields.files import FieldFile
from django.db.models.functions import Length
from PIL.Image import Image

from catalog import search
from catalog.embeddings import extractors
from catalog.embeddings.embedding import not_embedded
from catalog.models import Embedding, Poster
from catalog.posters import primary
from catalog.posters.sources.registry import POSTER_SOURCES
from catalog.posters.storage import FOLDER, delete_orphan, is_older, sizes
from ml.imaging import images

ROWS_AT_ONCE = 500
BYTES_PER_NUMBER = 2  # float16
# Files are written before the poster's row, so newer ones may belong to a poster that is being stored.
MIN_AGE_S = 3600.0
CONSISTENT = "The catalogue is consistent."


class Kind(StrEnum):
    """Kinds of findings; the values complete "Found 3 …"."""

    ORIGINAL = "posters without a valid picture"
    SMALLER = "posters without valid smaller pictures"
    OTHER = "posters with the file of another picture"
    VECTOR = "vectors of the wrong length"
    NOT_EMBEDDED = "posters without a vector"
    ORPHAN = "files that no poster uses"
    NOT_INDEXED = "movies missing from the search index"


@dataclass(frozen=True, slots=True)
class Finding:
    """One inconsistency. pk: of its poster, embedding or movie. file: the name of one that no poster uses."""

    kind: Kind
    message: str
    pk: int = 0
    file: str = ""


@dataclass(frozen=True, slots=True)
class Mended:
    """What was repaired. fetch: movies whose poster must be fetched again; unresolved: what a person must
    replace."""

    rewritten: int
    deleted_files: int
    deleted_vectors: int
    fetch: list[int]
    unresolved: list[Finding]

    @property
    def summary(self) -> str:
        return (
            f"Created {self.rewritten} smaller pictures, deleted {self.deleted_files} files and "
            f"{self.deleted_vectors} vectors."
        )


def check(*, deep: bool = False, progress: Callable[[int], object] = lambda done: None) -> Iterator[Finding]:
    """Find all inconsistencies. Memory does not grow with the number of posters.

    deep: decode every picture and compare it with the poster's perceptual hash; otherwise, only check that
    the files exist. progress: called with the number of posters that are done.
    """
    rows = Poster.objects.select_related("movie").order_by("pk").iterator(chunk_size=ROWS_AT_ONCE)
    for done, poster in enumerate(rows, start=1):
        for finding in _check_pictures(poster, deep):
            # The files of a poster that is deleted meanwhile are deleted too.
            if Poster.objects.filter(pk=poster.pk).exists():
                yield finding
        progress(done)
    yield from _vectors_of_wrong_length()
    yield from _posters_without_vector()
    yield from _orphans()
    for pk in search.outdated():
        yield Finding(Kind.NOT_INDEXED, f"movie {pk} is not in the search index with its current titles", pk)


def mend(findings: Iterable[Finding]) -> Mended:
    """Create smaller pictures, delete unused files and invalid vectors, and index movies for search.

    The caller starts the runs that fetch and embed posters.
    """
    rewritten = deleted_files = deleted_vectors = 0
    fetch: set[int] = set()
    unresolved: list[Finding] = []
    not_indexed: list[int] = []
    for finding in findings:
        if finding.kind == Kind.ORPHAN:
            deleted_files += delete_orphan(finding.file, MIN_AGE_S)
        elif finding.kind == Kind.NOT_INDEXED:
            not_indexed.append(finding.pk)
        elif finding.kind == Kind.VECTOR:
            deleted_vectors += Embedding.objects.filter(pk=finding.pk).delete()[0]
        elif finding.kind in (Kind.ORIGINAL, Kind.OTHER, Kind.SMALLER):
            poster = Poster.objects.filter(pk=finding.pk).first()
            if poster is None:
                continue  # deleted meanwhile
            if finding.kind == Kind.SMALLER and (written := _write_smaller(poster)):
                rewritten += written
            elif poster.source in POSTER_SOURCES:
                fetch.add(poster.movie_id)
            else:
                unresolved.append(finding)
    search.index(not_indexed)
    return Mended(rewritten, deleted_files, deleted_vectors, sorted(fetch), unresolved)


def _write_smaller(poster: Poster) -> int:
    try:
        return primary.write_smaller(poster)
    except (OSError, images.ImageRejected):
        return 0  # the original is damaged too, which only a deep check finds


class _InvalidPicture(Exception):
    """The message says why."""


def _check_pictures(poster: Poster, deep: bool) -> Iterator[Finding]:
    name = f"{poster} (id {poster.pk})"
    files = (poster.file, poster.medium, poster.thumbnail)
    found = None if deep else sizes([str(stored.name) for stored in files])
    try:
        original = _opened(poster.file, found)
    except _InvalidPicture as error:
        yield Finding(Kind.ORIGINAL, f"{name}: {error}", poster.pk)
        return
    if original is not None:
        bits = images.hash_distance(images.perceptual_hash(original), poster.perceptual_hash)
        if bits > images.DUPLICATE_BITS:
            yield Finding(Kind.OTHER, f"{name}: {poster.file.name} is another picture", poster.pk)
            return
    try:
        for smaller in (poster.medium, poster.thumbnail):
            _opened(smaller, found)
    except _InvalidPicture as error:
        yield Finding(Kind.SMALLER, f"{name}: {error}", poster.pk)


def _opened(stored: FieldFile, found: Mapping[str, int | OSError] | None) -> Image | None:
    """The decoded picture, or None after checking only that its size was found. Raises _InvalidPicture."""
    name = str(stored.name)
    try:
        if found is not None:
            size = found[name]
            if isinstance(size, OSError):
                raise size
            if not size:
                raise _InvalidPicture(f"{name} is empty")
            return None
        with default_storage.open(name) as file:
            content = file.read()
        if not content:
            raise _InvalidPicture(f"{name} is empty")
        return images.open_safely(content)
    except images.ImageRejected as error:
        raise _InvalidPicture(f"{name} is damaged: {error}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _InvalidPicture(f"{name} cannot be read: {reason or error}") from error


def _vectors_of_wrong_length() -> Iterator[Finding]:
    rows = Embedding.objects.annotate(bytes=Length("vector")).select_related("poster__movie", "extractor")
    for row in rows.exclude(bytes=F("extractor__dims") * BYTES_PER_NUMBER).order_by("pk").iterator():
        message = f"{row.poster}: its vector by {row.extractor.fingerprint} has {len(row.vector)} bytes"
        yield Finding(Kind.VECTOR, message, row.pk)


def _posters_without_vector() -> Iterator[Finding]:
    posters = Poster.objects.filter(is_primary=True).select_related("movie")
    available, _ = extractors.available(extractors.required_specs())
    for poster in not_embedded(posters, list(available.values())).order_by("pk").iterator():
        yield Finding(Kind.NOT_EMBEDDED, f"{poster} (id {poster.pk}) is not embedded", poster.pk)


def _orphans() -> Iterator[Finding]:
    """Folder by folder, so that the names of all files are never in memory."""
    for folder in sorted(_listed(FOLDER)[0]):
        rows = Poster.objects.filter(file__startswith=f"{FOLDER}/{folder}/")
        used = {name for names in rows.values_list("file", "medium", "thumbnail") for name in names}
        for file in sorted(_listed(f"{FOLDER}/{folder}")[1]):
            name = f"{FOLDER}/{folder}/{file}"
            if name not in used and is_older(name, MIN_AGE_S):
                yield Finding(Kind.ORPHAN, f"no poster uses {name}", file=name)


def _listed(name: str) -> tuple[list[str], list[str]]:
    """The folders and the files in a folder of the storage."""
    try:
        return default_storage.listdir(name)
    except FileNotFoundError:
        return [], []
