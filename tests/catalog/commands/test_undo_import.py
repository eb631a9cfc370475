"""`manage.py undo_import`."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Movie, Run
from catalog.titles.formats.records import TitleRecord
from catalog.titles.importing import import_titles

pytestmark = pytest.mark.django_db


def undo(*arguments: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("undo_import", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def run() -> Run:
    return import_titles([TitleRecord(f"Film {n}", tmdb_id=n) for n in (1, 2, 3)], "test")[0]


def test_a_dry_run_changes_nothing(run: Run) -> None:
    Movie.objects.filter(tmdb_id=2).update(title="Ran")
    out, err = undo(run.pk, "--dry-run")
    assert f"Dry run, nothing was changed. {run}: 2 deleted, 0 restored, 1 kept" in out
    assert "Ran (no. " in err and "is kept: its title has been changed since" in err
    assert Movie.objects.count() == 3 and Run.objects.count() == 1


def test_it_undoes_once(run: Run) -> None:
    out, _ = undo(run.pk)
    assert f"{run} undone: 3 deleted" in out
    assert not Movie.objects.exists()
    with pytest.raises(CommandError, match="was undone already"):
        undo(run.pk)


def test_it_can_be_queued(run: Run) -> None:
    out, _ = undo(run.pk, "--queue")
    assert "is queued" in out
    assert Movie.objects.count() == 3 and Run.objects.get(kind="undo").is_live


def test_a_missing_run_is_an_error() -> None:
    with pytest.raises(CommandError, match="There is no run #7"):
        undo(7)
