"""Work folders are deleted at the end, or by the next process when theirs was killed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from catalog.genres import training
from catalog.runs.work_folders import clear_leftovers, work_folder


def left_by_a_killed_process(var: Path, *, locked_before: bool = True) -> Path:
    """A folder as it is when the kernel has released its lock."""
    folder = var / "work" / "training-killed"
    folder.mkdir(parents=True)
    (folder / "train.npz").write_bytes(b"x")
    if locked_before:
        (folder / ".lock").touch()
    return folder


@pytest.mark.parametrize("error", [None, OSError])
def test_a_folder_is_below_var_and_deleted_at_the_end(settings: Any, error: type[OSError] | None) -> None:
    with suppress(OSError), work_folder("training") as folder:
        assert folder.parent == settings.VAR_DIR / "work"
        (folder / "inner").mkdir()
        (folder / "inner/file").write_text("x")
        if error:
            raise error
    assert not folder.exists()


@pytest.mark.parametrize("locked_before", [True, False])
def test_the_next_work_deletes_leftovers(settings: Any, locked_before: bool) -> None:
    left = left_by_a_killed_process(settings.VAR_DIR, locked_before=locked_before)
    with work_folder("training"):
        assert not left.exists()


def test_leftovers_are_deleted_and_folders_in_use_are_not(settings: Any) -> None:
    assert clear_leftovers() == 0
    with work_folder("training") as one:
        left = left_by_a_killed_process(settings.VAR_DIR)
        with work_folder("training") as other:
            assert one.exists() and not left.exists()
            left_by_a_killed_process(settings.VAR_DIR)
            assert clear_leftovers() == 1
            assert one.exists() and other.exists()


@pytest.mark.django_db
def test_a_training_uses_it_for_temporary_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[dict[str, str]] = []

    def popen(*_: Any, env: dict[str, str], **__: Any) -> Any:
        started.append(env)
        raise OSError

    monkeypatch.setattr(training.subprocess, "Popen", popen)
    with pytest.raises(OSError):
        training._train_in_subprocess(tmp_path, lambda: True)
    assert started[0]["TMPDIR"] == str(tmp_path)
