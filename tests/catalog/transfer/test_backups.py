"""Scheduled backups restore, old ones are deleted, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from catalog.models import Movie, Poster
from catalog.transfer import backups
from catalog.transfer.errors import ExportError
from catalog.transfer.export import export_catalogue
from tests.factories import MovieFactory, PosterFactory

from .export_sites import contents, empty_the_catalogue, rich_catalogue

pytestmark = pytest.mark.django_db
NIGHT = datetime(2026, 1, 30, 3, 0, tzinfo=UTC)


def back_up(folder: Path, night: int = 0, keep: int = 2) -> None:
    with time_machine.travel(NIGHT + timedelta(days=night), tick=False):
        call_command("back_up_catalogue", folder, keep=keep)


@pytest.mark.slow
def test_a_scheduled_backup_restores_into_an_empty_catalogue(tmp_path: Path) -> None:
    rich_catalogue()
    back_up(tmp_path / "backups")
    empty_the_catalogue(tmp_path)
    assert not Movie.everything.exists()
    call_command("restore_catalogue", tmp_path / "backups" / "catalogue-20260130-030000")
    export_catalogue(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "backups" / "catalogue-20260130-030000")


@pytest.mark.slow
def test_the_latest_backups_stay_and_nothing_else_is_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    kept = ["catalogue-old", "catalogue-20200101-000000", "photos"]  # not complete backups
    for name in kept:
        (folder / name).mkdir(parents=True)
    (folder / "catalogue-20200101-000000.partial").mkdir()  # of a backup that was killed
    (folder / "notes.txt").touch()
    for night in range(4):
        back_up(folder, night)
    latest = ["catalogue-20260201-030000", "catalogue-20260202-030000"]
    assert backups.complete(folder) == latest
    assert {path.name for path in folder.iterdir()} == {*latest, *kept, "notes.txt", backups.LOCK}


def test_the_new_backup_stays_when_the_clock_was_set_back(tmp_path: Path) -> None:
    for night in (5, 6, 0):
        back_up(tmp_path, night)
    assert backups.complete(tmp_path) == ["catalogue-20260130-030000", "catalogue-20260205-030000"]


def test_nothing_is_deleted_while_pictures_are_missing(tmp_path: Path) -> None:
    poster = PosterFactory()
    for night in range(2):
        back_up(tmp_path, night)
    default_storage.delete(poster.file.name)
    for night in range(2, 4):
        with pytest.raises(CommandError):
            back_up(tmp_path, night)
    assert len(backups.complete(tmp_path)) == 4


def test_two_backups_at_once_are_refused(tmp_path: Path, monkeypatch: Any) -> None:
    def again(folder: Path, progress: Any) -> Any:
        with pytest.raises(ExportError) as refused:
            backups.back_up(tmp_path, 1)
        assert refused.value.code == "busy"
        return export_catalogue(folder, progress)

    MovieFactory()
    monkeypatch.setattr(backups, "export_catalogue", again)
    backups.back_up(tmp_path, 1)
    assert len(backups.complete(tmp_path)) == 1 and not Poster.objects.exists()


@pytest.mark.parametrize("keep", ["0", "-1", "many"])
def test_at_least_one_backup_is_kept(tmp_path: Path, keep: str) -> None:
    with pytest.raises(CommandError):
        call_command("back_up_catalogue", str(tmp_path), f"--keep={keep}")
