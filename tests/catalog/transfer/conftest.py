"""One export of a catalogue with every kind of row, made once and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from catalog.transfer.export import export_catalogue

from .export_sites import rich_catalogue


@pytest.fixture(scope="session")
def original(tmp_path_factory: Any, django_db_setup: None, django_db_blocker: Any) -> Path:
    """Do not change it: see `export`. The database does not contain its rows."""
    folder: Path = tmp_path_factory.mktemp("export")
    own_folders = override_settings(MEDIA_ROOT=folder / "media", MODELS_DIR=folder / "models")
    with django_db_blocker.unblock(), own_folders, transaction.atomic():
        rich_catalogue()
        export_catalogue(folder / "export")
        transaction.set_rollback(True)
    return folder / "export"


@pytest.fixture
def export(original: Path, tmp_path: Path) -> Path:
    """A copy of the export to change; its catalogue is empty."""
    return Path(shutil.copytree(original, tmp_path / "export"))
