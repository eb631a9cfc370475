"""Files that other machines read: genre models, index files, exported extractors and listings of imports.

By default they are in `var`, and `publish` and `fetched` have nothing to do. With POSTERSITE_STORAGE=s3, the
bucket has all of them, and MODELS_DIR, INDEX_DIR, EXPORTS_DIR and REPORTS_DIR, below CACHE_DIR, have copies.
No name is used again for other content: a new model or index has a new name, which other machines find in the
database. So copies are never out of date.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.core.files.storage import storages

from ml.files import make_folder, replacing

if TYPE_CHECKING:
    from catalog.s3_storage import S3Storage

log = logging.getLogger(__name__)

# Copies that this machine has not opened for so long are deleted; they can be downloaded again.
UNUSED_S = 14 * 86_400.0
# What a download that was killed has left.
PARTIAL_S = 3600.0
# How exactly a copy remembers when it was opened.
TOUCHED_S = 3600.0


class DownloadFailed(OSError):
    """A file could not be downloaded, although the bucket may have it."""


def is_shared() -> bool:
    """Whether files are in a bucket, and this machine has copies only."""
    return "shared" in settings.STORAGES


def publish(*paths: Path) -> None:
    """Let other machines read files that this one has written, in this order. Raises OSError."""
    if is_shared():
        for path in paths:
            _bucket().upload(path, _name(path))


def fetched(path: Path) -> Path:
    """The path of a shared file, after downloading it if this machine has no copy.

    A copy is complete and checked, or not there. Raises FileNotFoundError if nobody has published the file,
    and DownloadFailed; without a bucket, raises nothing.
    """
    if is_shared():
        try:
            _touch(path) if path.exists() else _download(path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DownloadFailed(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
    return path


def exists(path: Path) -> bool:
    """Whether the file is here or published."""
    if path.is_file() or not is_shared():
        return path.is_file()
    try:
        return _bucket().exists(_name(path))
    except OSError as error:
        log.warning("Whether the bucket has %s is unknown: %s", _name(path), error.strerror)
        return False


def delete_starting_with(path: Path, older_than_s: float = 0.0) -> None:
    """Delete all files whose path begins so, here and in the bucket, if they were written long ago."""
    written_before = time.time() - older_than_s
    for each in path.parent.glob(f"{path.name}*"):
        with suppress(FileNotFoundError):
            if each.is_file() and each.stat().st_mtime <= written_before:
                each.unlink()
    if is_shared():
        for name, written, _ in _bucket().starting_with(_name(path)):
            if written.timestamp() <= written_before:
                _bucket().delete(name)


def delete_published(folder: Path, *, keep: str = "", older_than_s: float = 0.0) -> None:
    """Delete from the bucket what is in a folder and was written long ago, except in its folder `keep`."""
    if is_shared():
        kept = f"{_name(folder)}/{keep}/"
        for name, written, _ in _bucket().starting_with(f"{_name(folder)}/"):
            old = written.timestamp() <= time.time() - older_than_s
            if old and not (keep and name.startswith(kept)):
                _bucket().delete(name)


def _download(path: Path) -> None:
    make_folder(path.parent)
    with _lock(path.parent):
        if path.exists():  # another process was faster
            return
        with replacing(path) as file:
            _bucket().download(_name(path), file)
    log.info("Downloaded %s.", _name(path))
    _delete_unused()


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One process of this machine downloads the files of a folder, and others wait for it."""
    with (folder / ".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _touch(path: Path) -> None:
    """Remember that a copy was opened. Its time of modification stays: others cache by it."""
    with suppress(OSError):
        found = path.stat()
        if found.st_atime < time.time() - TOUCHED_S:
            os.utime(path, ns=(time.time_ns(), found.st_mtime_ns))


def _delete_unused() -> None:
    """Delete copies that were not opened for long, and what killed downloads left. Files that a process has
    mapped stay readable for it."""
    now = time.time()
    for path in Path(settings.CACHE_DIR).rglob("*"):
        with suppress(OSError):
            found = path.stat()
            opened = max(found.st_atime, found.st_mtime)
            limit = PARTIAL_S if path.suffix == ".part" else UNUSED_S
            if path.is_file() and path.name != ".lock" and opened < now - limit:
                path.unlink()


def _name(path: Path) -> str:
    return path.relative_to(settings.CACHE_DIR).as_posix()


def _bucket() -> S3Storage:
    return cast("S3Storage", storages["shared"])
