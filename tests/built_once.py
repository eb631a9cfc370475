"""Build slow test data once, however many pytest-xdist processes or test runs share it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# What models made by tests depend on.
SOURCES = ("ml/**/*.py", "ml/bundled/*.tflite", "tests/ml/**/*.py", "requirements.txt")


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """Return the folder `name` of this test run, after `build(folder)` has filled it once.

    The first process that needs the folder builds it; the others wait for a lock and read it. Tests must not
    change it. If `build` fails, the next process starts again with an empty folder.
    """
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Each worker has a folder of its own in that of the run.
        shared = shared.parent
    return _built(shared, name, build)


def built_from_sources(config: pytest.Config, name: str, build: Callable[[Path], object]) -> Path:
    """Return a folder that `build(folder)` has filled, in this or an earlier run with the same `SOURCES`.

    For models that take many seconds to train or export. They are stored in `.pytest_cache`; `--cache-clear`
    builds them again. Tests must not change them.
    """
    digest = hashlib.sha256(platform.python_version().encode())
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        digest.update(f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    shared = config.cache.mkdir(f"built_{name}")
    current = digest.hexdigest()[:16]
    for old in shared.iterdir():
        if not old.name.startswith(current):
            shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)
    return _built(shared, current, build)


def _built(shared: Path, name: str, build: Callable[[Path], object]) -> Path:
    folder, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            done.touch()
    return folder
