"""Test data that several processes share is built once, and built again after a failure."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import built_once as module
from tests.built_once import built_from_sources, built_once


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    return SimpleNamespace(getbasetemp=lambda: tmp_path)


def test_the_first_builds_and_the_others_wait(factory: Any) -> None:
    def build(folder: Path) -> None:
        with (folder / "log").open("a") as log:
            log.write("started\n")
            log.flush()
            time.sleep(0.1)
            log.write("finished\n")

    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: built_once(factory, "data", build), range(4)))
    assert len(set(folders)) == 1
    assert (folders[0] / "log").read_text() == "started\nfinished\n"


def test_a_failed_build_is_repeated_in_an_empty_folder(factory: Any) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        built_once(factory, "data", fail)
    folder = built_once(factory, "data", lambda folder: (folder / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]


def test_models_are_built_again_when_a_source_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOT", tmp_path)
    source = tmp_path / "ml/network.py"
    source.parent.mkdir()
    cache = SimpleNamespace(mkdir=lambda name: _made(tmp_path / "cache" / name))
    config: Any = SimpleNamespace(cache=cache)
    built: list[Path] = []

    def folder() -> Path:
        return built_from_sources(config, "models", built.append)

    source.write_text("one")
    first = folder()
    assert folder() == first
    source.write_text("two")
    second = folder()
    assert built == [first, second]
    assert not first.exists()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
