"""A site of an earlier version opens with this one, and nothing is lost.

`make_site.py` describes how to make an archive. It is named by the last migration of its version.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from postersite.env import BASE_DIR
from tests.processes.site import Site

pytestmark = pytest.mark.process

ARCHIVES = sorted(Path(__file__).parent.glob("site-*.tar.xz"))


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.name)
def site(request: pytest.FixtureRequest, make_site: Callable[..., Site]) -> Site:
    """The site of an earlier version."""
    site = make_site(POSTERSITE_EXTRACTORS="postersite,pixels")
    site.var.mkdir(parents=True)
    with tarfile.open(request.param) as archive:
        archive.extractall(site.var, filter="data")
    return site


def test_every_row_and_file_remains_and_every_page_opens(site: Site, tmp_path: Path) -> None:
    exported = tmp_path / "export"
    opened = subprocess.run(
        [sys.executable, "-m", "tests.upgrades.open_site", str(exported)],
        env=site.environment | {"DJANGO_SETTINGS_MODULE": "postersite.settings"},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert opened.returncode == 0, opened.stderr
    assert lost_rows(site.var / "export-tables", exported / "tables") == []
    assert lost_files(site.var / "export.sha256", exported / "SHA256SUMS") == []
    found = json.loads(opened.stdout)
    assert {path: status for path, status in found["pages"].items() if status != 200} == {}
    assert len(found["pages"]) > 60
    assert set(found["runs"].values()) == {"done"}
    assert found["not_found"] == []


def lost_rows(before: Path, after: Path) -> list[str]:
    """Rows of the earlier export whose columns have other values now, or that are gone."""
    lost = []
    for table in sorted(before.glob("*.jsonl")):
        now = {key_of(row): row for row in rows_of(after / table.name)}
        for row in rows_of(table):
            found = now.get(key_of(row), {})
            if any(found.get(column, "absent") != value for column, value in row.items()):
                lost.append(f"{table.stem}: {row} is now {found}")
    return lost


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def key_of(row: dict[str, object]) -> str:
    return str(row.get("id", row))


def lost_files(before: Path, after: Path) -> list[str]:
    """Pictures, weights and vectors of the earlier export that are gone or have other bytes."""
    now = set(after.read_text().splitlines())
    folders = ("media/", "models/", "embeddings/")
    return [
        line for line in before.read_text().splitlines() if line[66:].startswith(folders) and line not in now
    ]
