"""Files of stored images: named by content, shared by posters, deleted with the last poster using them."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import PurePosixPath

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from catalog.models import Poster

FOLDER = "posters"
_START = re.compile(rf"{FOLDER}/[0-9a-f]{{2}}/[0-9a-f]{{64}}")
_NAME = re.compile(r"(?P<sha256>[0-9a-f]{64})-(?:original|medium|thumbnail)\.jpg")


def file_name(sha256: str, size: str) -> str:
    """The name in the storage of a picture's file; size: original, medium or thumbnail."""
    return f"{FOLDER}/{sha256[:2]}/{sha256}-{size}.jpg"


def lock_picture(sha256: str) -> None:
    """Prevent others from storing or deleting the files of this image until the transaction ends.

    SQLite needs no extra lock: its transactions begin with the write lock (see DATABASES).
    """
    if connection.vendor == "postgresql":
        key = int.from_bytes(bytes.fromhex(sha256[:16]), signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def write_files(contents: Mapping[str, bytes]) -> None:
    """Write files by name, replacing existing ones. Raises OSError."""
    for name, content in contents.items():
        default_storage.save(name, ContentFile(content))


def write_missing_files(contents: Mapping[str, bytes]) -> None:
    """Write those of the files that do not exist. Call it with the picture locked. Raises OSError."""
    write_files({name: content for name, content in contents.items() if not default_storage.exists(name)})


def sizes(names: Sequence[str]) -> dict[str, int | OSError]:
    """Bytes of a picture's files by name, or the error. A bucket lists all of them in one request."""
    starts = {name.rpartition("-")[0] for name in names}
    listed = getattr(default_storage, "starting_with", None)
    if listed is None or len(starts) != 1 or not _START.fullmatch(next(iter(starts))):
        return {name: _size(name) for name in names}
    try:
        found: dict[str, int | OSError] = {name: size for name, _, size in listed(f"{starts.pop()}-")}
    except OSError as error:
        return dict.fromkeys(names, error)
    missing = os.strerror(errno.ENOENT)
    return {name: found.get(name, FileNotFoundError(errno.ENOENT, missing, name)) for name in names}


def _size(name: str) -> int | OSError:
    try:
        return default_storage.size(name)
    except OSError as error:
        return error


def delete_unless_used(sha256: str, names: Iterable[str]) -> None:
    """Delete a picture's files unless a poster uses it. Call it after the poster's deletion is committed."""
    with transaction.atomic():
        lock_picture(sha256)
        if not Poster.objects.filter(sha256=sha256).exists():
            for name in names:
                default_storage.delete(name)


def delete_orphan(name: str, older_than_s: float) -> bool:
    """Delete a file that no poster uses, unless it was written in the last `older_than_s` seconds.

    Returns whether it was deleted: a poster with this picture may have been stored since it was found.
    """
    named = _NAME.fullmatch(PurePosixPath(name).name)
    with transaction.atomic():
        if named is not None:
            lock_picture(named["sha256"])
            rows = Poster.objects.filter(sha256=named["sha256"])
            if any(name in names for names in rows.values_list("file", "medium", "thumbnail")):
                return False
        if not is_older(name, older_than_s):
            return False
        default_storage.delete(name)
    return True


def is_older(name: str, seconds: float) -> bool:
    """Whether the file was last written longer ago than that; False if it is gone."""
    try:
        written = default_storage.get_modified_time(name)
        return bool(written < timezone.now() - timedelta(seconds=seconds))
    except FileNotFoundError:
        return False
