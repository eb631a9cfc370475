"""Temporary folders in var/work; those of killed processes are deleted later."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

# The process that uses a folder locks this file in it. The kernel releases the lock when the process dies.
LOCK = ".lock"


@contextmanager
def work_folder(purpose: str) -> Iterator[Path]:
    """A new folder for this block, deleted at its end. Folders of killed processes are deleted first.

    Raises OSError if the folder cannot be created.
    """
    base = _base()
    base.mkdir(parents=True, exist_ok=True)
    with _locked(base / LOCK):
        _clear(base)
        folder = Path(tempfile.mkdtemp(dir=base, prefix=f"{purpose}-"))
        held = _lock(folder / LOCK)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def clear_leftovers() -> int:
    """Delete the folders of processes that were killed; returns how many. Raises OSError."""
    base = _base()
    if not base.is_dir():
        return 0
    with _locked(base / LOCK):
        return _clear(base)


def _base() -> Path:
    return Path(settings.VAR_DIR) / "work"


def _clear(base: Path) -> int:
    cleared = 0
    for folder in [each for each in base.iterdir() if each.is_dir()]:
        with suppress(BlockingIOError):
            # No folder is created meanwhile: one without the file is from a process that was killed.
            os.close(_lock(folder / LOCK, wait=False))
            shutil.rmtree(folder, ignore_errors=True)
            cleared += 1
    return cleared


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = _lock(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path, *, wait: bool = True) -> int:
    """An open descriptor that holds the lock of a file. Raises BlockingIOError if others do, and OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
