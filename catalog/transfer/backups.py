"""Dated backups in one folder: each is an export, and old ones are deleted."""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ._layout import MANIFEST, Progress
from .errors import ExportError
from .export import Exported, export_catalogue

NAME = "catalogue-%Y%m%d-%H%M%S"
NAMES = re.compile(r"catalogue-\d{8}-\d{6}")
LOCK = ".lock"


def back_up(folder: Path, keep: int, progress: Progress = lambda what, done, total: None) -> Exported:
    """Export the catalogue to a new folder in `folder`, then delete all but the latest `keep` exports in it.

    Nothing is deleted after an export that lacks pictures or weights: if the disk with the pictures is
    missing, the backups that have them must not disappear. Other files in `folder` are left alone.

    Raises ExportError, also when another backup to this folder is running.
    """
    with _only_one(folder):
        for name in _names(folder, ".partial"):
            # The lock is ours, so it belongs to a backup that was killed.
            shutil.rmtree(folder / name)
        exported = export_catalogue(folder / datetime.now(UTC).strftime(NAME), progress)
        if not exported.missing:
            # Not this one, even if the clock was set back and its name sorts before the others.
            earlier = [name for name in complete(folder) if name != exported.folder.name]
            for name in earlier[: max(0, len(earlier) + 1 - keep)]:
                shutil.rmtree(folder / name)
    return exported


def complete(folder: Path) -> list[str]:
    """Names of the complete backups in `folder`, the oldest first."""
    return [name for name in _names(folder) if (folder / name / MANIFEST).is_file()]


def _names(folder: Path, ending: str = "") -> list[str]:
    matching = (path.name for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    return sorted(
        name for name in matching if name.endswith(ending) and NAMES.fullmatch(name.removesuffix(ending))
    )


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except OSError as error:
        raise ExportError(f"{folder} cannot be written: {error.strerror}.", "io") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ExportError(f"Another backup to {folder} is running.", "busy") from error
        yield
