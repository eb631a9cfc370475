"""`manage.py export_catalogue` and `restore_catalogue`: output, refusals and what they leave behind."""

from __future__ import annotations

import io
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from catalog.models import Movie, Poster
from catalog.transfer import export
from catalog.transfer.errors import ExportError
from catalog.transfer.snapshot import snapshot
from tests.catalog.transfer.export_sites import empty_the_catalogue
from tests.factories import EmbeddingFactory, MovieFactory

pytestmark = pytest.mark.django_db
Usage = namedtuple("Usage", "total used free")


def output(command: str, *arguments: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue()


def refused(folder: Path) -> str:
    """The code of the error."""
    with pytest.raises(CommandError) as error:
        output("export_catalogue", folder)
    assert isinstance(error.value.__cause__, ExportError)
    return error.value.__cause__.code


def test_export_and_restore(tmp_path: Path) -> None:
    EmbeddingFactory()
    exported = output("export_catalogue", tmp_path / "out")
    assert exported.startswith("1 movies, 1 posters, 1 vectors, 0 decisions: ")
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == ["out"]
    empty_the_catalogue(tmp_path / "new")
    restored = output("restore_catalogue", tmp_path / "out", trusted=True)
    assert restored == "Restored 1 movies, 1 posters, 1 vectors and 0 decisions.\n"


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    assert refused(tmp_path) == "not_empty"
    assert refused(tmp_path / "mine") == "io"
    assert (tmp_path / "mine").read_text() == "mine"


def test_an_empty_folder_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    output("export_catalogue", tmp_path / "out")
    assert (tmp_path / "out/manifest.json").is_file()


def test_an_interrupted_export_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial/half").write_text("half")
    assert refused(tmp_path / "out") == "busy"
    assert (tmp_path / "out.partial/half").exists()


def test_an_export_that_fails_leaves_nothing(tmp_path: Path) -> None:
    EmbeddingFactory()
    Poster.objects.update(file="../outside.jpg")
    assert refused(tmp_path / "out") == "invalid"
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()


def test_a_full_disk_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export.shutil, "disk_usage", lambda path: Usage(10, 10, 1000))
    assert refused(tmp_path / "out") == "no_space"
    assert not (tmp_path / "out.partial").exists()


def test_progress_is_reported_to_the_end(tmp_path: Path) -> None:
    EmbeddingFactory()
    reported: dict[str, tuple[int, int]] = {}
    export.export_catalogue(tmp_path / "out", lambda step, *numbers: reported.update({step: numbers}))
    assert reported["movies"] == reported["vectors"] == (1, 1) and reported["files"] == (3, 3)


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_only_reads_and_leaves_the_connection_as_it_was() -> None:
    before = getattr(connection, "transaction_mode", None)
    MovieFactory()
    with snapshot():
        assert Movie.objects.count() == 1 and connection.in_atomic_block
    assert getattr(connection, "transaction_mode", None) == before
    with transaction.atomic():
        MovieFactory()
    assert Movie.objects.count() == 2
