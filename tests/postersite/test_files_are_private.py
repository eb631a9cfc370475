"""Files of a site are for its own user only; tests/processes/ checks those of a running site."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from ml.files import write_bytes

pytestmark = pytest.mark.slow


def test_posters_are_private() -> None:
    default_storage.save("posters/ab/abc.jpg", ContentFile(b"x"))
    folder = Path(default_storage.path("posters"))
    assert not any(path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*")))


def test_files_for_others_follow_the_umask(tmp_path: Path) -> None:
    # `python -m ml.evaluation` and the like run without the site's settings.
    before = os.umask(0o022)
    try:
        write_bytes(tmp_path / "report.json", b"{}")
    finally:
        os.umask(before)
    assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir() if path.name != "var"] == ["report.json"]
