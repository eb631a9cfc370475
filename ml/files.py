"""Write files completely or not at all, and compute their SHA-256."""

import errno
import hashlib
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

UNREADABLE_ARRAYS = (
    ValueError,
    EOFError,
    KeyError,
    OverflowError,
    MemoryError,
    SyntaxError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
"""Errors of `numpy.load` for a damaged or hostile archive, besides OSError; MemoryError comes from a header
with a huge shape."""


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that replaces `path` when the block ends: readers see the old file or the new one.

    It is open for writing and reading what was written.

    Afterwards it is on disk (fsync). Raises OSError if the folder is missing or not writable. After any error
    the old file stays and no new one is left; only a kill leaves a `.NAME.*.part` in the folder.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        # Unlike a temporary file, it gets the usual permissions (umask).
        with draft.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and its missing parents, and write them to disk (fsync). Raises OSError."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in missing:
        _sync_folder(each.parent)


def _sync_folder(path: Path) -> None:
    """Write the names in a folder to disk, where its file system can."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(folder)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, completely or not at all. Raises OSError, see `replacing`."""
    with replacing(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as strict JSON (UTF-8, no NaN). Raises ValueError for values without JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, hexadecimal. Raises OSError if it is missing or cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
