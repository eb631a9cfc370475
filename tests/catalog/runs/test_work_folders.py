"""Folders for work: deleted at its end, and by the next work when the process was killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catalog.genres import training
from catalog.runs.work_folders import clear_leftovers, work_folder


def left_by_a_killed_process(var: Path, *, locked_before: bool = True) -> Path:
    """What it looks like once the kernel has released its lock."""
    folder = var / "work" / "training-killed"
    folder.mkdir(parents=True)
    (folder / "train.npz").write_bytes(b"x")
    if locked_before:
        (folder / ".lock").touch()
    return folder


def test_a_folder_lies_below_var_and_goes_at_the_end(settings: Any) -> None:
    with work_folder("training") as folder:
        assert folder.parent == settings.VAR_DIR / "work"
        (folder / "inner").mkdir()
        (folder / "inner/file").write_text("x")
    assert not folder.exists()


def test_a_folder_goes_when_the_work_fails() -> None:
    with pytest.raises(ZeroDivisionError), work_folder("training") as folder:
        raise ZeroDivisionError
    assert not folder.exists()


@pytest.mark.parametrize("locked_before", [True, False])
def test_the_next_work_clears_what_was_left(settings: Any, locked_before: bool) -> None:
    left = left_by_a_killed_process(settings.VAR_DIR, locked_before=locked_before)
    with work_folder("training"):
        assert not left.exists()


def test_a_start_clears_what_was_left_and_nothing_that_is_in_use(settings: Any) -> None:
    assert clear_leftovers() == 0
    with work_folder("training") as one:
        left = left_by_a_killed_process(settings.VAR_DIR)
        with work_folder("training") as other:
            assert one.exists() and not left.exists()
            left_by_a_killed_process(settings.VAR_DIR)
            assert clear_leftovers() == 1
            assert one.exists() and other.exists()


@pytest.mark.django_db
def test_a_training_has_its_temporary_folder_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[dict[str, str]] = []

    def popen(*_: Any, env: dict[str, str], **__: Any) -> Any:
        started.append(env)
        raise OSError

    monkeypatch.setattr(training.subprocess, "Popen", popen)
    with pytest.raises(OSError):
        training._train_in_subprocess(tmp_path, lambda: True)
    assert started[0]["TMPDIR"] == str(tmp_path)
