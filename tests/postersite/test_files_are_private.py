"""What the site writes is for its own user only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from ml.files import write_bytes
from postersite.env import BASE_DIR
from tests.postersite.permissions import open_to_others


@pytest.mark.process
def test_everything_that_setup_makes(tmp_path: Path) -> None:
    var = tmp_path / "new" / "var"
    environment = {
        **os.environ,
        "POSTERSITE_VAR": str(var),
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "SECRET_KEY": "",
    }
    # A child, with the umask that most systems give: the one of this process is the site's already.
    subprocess.run(
        [sys.executable, str(BASE_DIR / "manage.py"), "setup"],
        env=environment,
        umask=0o022,
        check=True,
        capture_output=True,
    )
    assert {path.name for path in var.iterdir()} >= {"db.sqlite3", "secret_key", "static"}
    assert open_to_others(var) == []


def test_posters_and_models(tmp_path: Path) -> None:
    default_storage.save("posters/ab/abc.jpg", ContentFile(b"x"))
    write_bytes(tmp_path / "model.npz", b"x")
    assert open_to_others(Path(default_storage.path("posters"))) == []
    assert open_to_others(tmp_path / "model.npz") == []


def test_files_for_others_follow_the_umask(tmp_path: Path) -> None:
    # `python -m ml.evaluation` and the like run without the site's settings.
    before = os.umask(0o022)
    try:
        write_bytes(tmp_path / "report.json", b"{}")
    finally:
        os.umask(before)
    assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir() if path.name != "var"] == ["report.json"]
