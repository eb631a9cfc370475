"""`make` picks a Python that works, past shims and versions that do not, or says that none does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from postersite.env import BASE_DIR

MAKE = shutil.which("make")
pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")


def make_environment(folder: Path, *pythons: str) -> subprocess.CompletedProcess[str]:
    assert MAKE
    shutil.copy(BASE_DIR / "Makefile", folder)
    return subprocess.run(
        [MAKE, ".venv/bin/python", f"PYTHON={' '.join(pythons)}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_shim_that_fails_is_passed_over(tmp_path: Path) -> None:
    shim = script(tmp_path / "shim", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    too_old = script(tmp_path / "too_old", "exit 1")
    answers = 'case "$1" in -m) echo "$@" > arguments;; --version) echo Python 3.12.1;; esac'
    works = script(tmp_path / "works", answers)
    made = make_environment(tmp_path, shim, "/nonexistent/python", too_old, works)
    assert "Creating .venv with Python 3.12.1" in made.stdout
    assert (tmp_path / "arguments").read_text() == "-m venv --clear .venv\n"


def test_none_at_all_is_a_sentence(tmp_path: Path) -> None:
    made = make_environment(tmp_path, "/nonexistent/python")
    assert made.returncode == 2
    assert "Python 3.11, 3.12 or 3.13 is needed" in made.stderr
    assert not (tmp_path / ".venv").exists()


def test_one_without_venv_is_named(tmp_path: Path) -> None:
    bare = script(tmp_path / "bare", 'case "$2" in *ensurepip*) exit 1;; esac')
    made = make_environment(tmp_path, bare)
    assert made.returncode == 2
    assert f"{bare} lacks the venv module" in made.stderr


def test_help_lists_every_target_with_its_idea() -> None:
    assert MAKE
    shown = subprocess.run([MAKE, "-C", str(BASE_DIR)], capture_output=True, text=True, check=True).stdout
    for target in ("run", "setup", "test", "lint", "fmt", "bench", "clean", "help"):
        assert f"make {target} " in shown
