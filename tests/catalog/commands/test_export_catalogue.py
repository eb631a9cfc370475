"""`manage.py export_catalogue` and `restore_catalogue`: what they say, refuse and leave behind."""

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
from catalog.transfer.snapshot import snapshot
from tests.catalog.transfer.export_sites import empty_the_catalogue
from tests.factories import EmbeddingFactory, MovieFactory

pytestmark = pytest.mark.django_db
Usage = namedtuple("Usage", "total used free")


def said(command: str, *arguments: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue()


def refused(command: str, *arguments: Any) -> str:
    with pytest.raises(CommandError) as error:
        said(command, *arguments)
    return str(error.value)


def test_there_and_back(tmp_path: Path) -> None:
    EmbeddingFactory()
    told = said("export_catalogue", tmp_path / "out")
    assert told.startswith("1 movies, 1 posters, 1 vectors, 0 decisions: ")
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == ["out"]
    empty_the_catalogue(tmp_path / "new")
    told = said("restore_catalogue", tmp_path / "out", trusted=True)
    assert told == "Restored 1 movies, 1 posters, 1 vectors and 0 decisions.\n"


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    assert "not empty" in refused("export_catalogue", tmp_path)
    assert "is a file" in refused("export_catalogue", tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "mine"


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    said("export_catalogue", tmp_path / "out")
    assert (tmp_path / "out/manifest.json").is_file()


def test_what_an_interrupted_export_left_is_said_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial/half").write_text("half")
    assert "out.partial is left" in refused("export_catalogue", tmp_path / "out")
    assert (tmp_path / "out.partial/half").exists()


def test_an_export_that_fails_leaves_nothing(tmp_path: Path) -> None:
    EmbeddingFactory()
    Poster.objects.update(file="../outside.jpg")
    assert "outside.jpg" in refused("export_catalogue", tmp_path / "out")
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()


def test_a_disk_without_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The disk is the edge: a full one cannot be had for a test.
    monkeypatch.setattr(export.shutil, "disk_usage", lambda path: Usage(10, 10, 1000))
    assert "0 MB free" in refused("export_catalogue", tmp_path / "out")
    assert not (tmp_path / "out.partial").exists()


def test_progress_is_told_to_the_end(tmp_path: Path) -> None:
    EmbeddingFactory()
    told: dict[str, tuple[int, int]] = {}
    export.export_catalogue(tmp_path / "out", lambda what, done, total: told.update({what: (done, total)}))
    assert told["movies"] == told["vectors"] == (1, 1) and told["files"] == (3, 3)


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
