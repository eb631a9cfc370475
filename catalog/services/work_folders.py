"""Folders for work whose process may be killed: below var/, and cleared away once nobody holds them."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

# A folder belongs to the process that has this file in it locked; the kernel unlocks it when that dies.
LOCK = ".lock"


@contextmanager
def work_folder(purpose: str) -> Iterator[Path]:
    """A new folder for this block, deleted at its end; clears what killed processes left first.

    Raises OSError if it cannot be made.
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
            # Nobody makes a folder meanwhile, so one without the file was left by a process killed at that.
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
