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
from typing import Any

import pytest

from postersite.env import BASE_DIR
from tests.processes.site import Site

pytestmark = pytest.mark.process

ARCHIVES = sorted(Path(__file__).parent.glob("site-*.tar.xz"))


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.name)
def site(request: pytest.FixtureRequest, make_site: Callable[..., Site]) -> Site:
    """The site of an earlier version."""
    return unpacked(request.param, make_site(POSTERSITE_EXTRACTORS="postersite,pixels"))


def unpacked(path: Path, site: Site) -> Site:
    site.var.mkdir(parents=True)
    with tarfile.open(path) as archive:
        archive.extractall(site.var, filter="data")
    return site


def run_module(name: str, folder: Path, site: Site) -> Any:
    """What `python -m NAME FOLDER` prints for the site, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", name, str(folder)],
        env=site.environment | {"DJANGO_SETTINGS_MODULE": "postersite.settings"},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_row_and_file_remains_and_every_page_opens(site: Site, tmp_path: Path) -> None:
    exported = tmp_path / "export"
    found = run_module("tests.upgrades.open_site", exported, site)
    assert lost_rows(site.var / "export-tables", exported / "tables") == []
    assert lost_files(site.var / "export.sha256", exported / "SHA256SUMS") == []
    assert {path: status for path, status in found["pages"].items() if status != 200} == {}
    assert len(found["pages"]) > 60
    # They could accept all sure suggestions before this had a permission of its own.
    assert {"catalog.review_suggestion", "catalog.accept_in_bulk"} <= set(found["reviewer_may"])
    assert set(found["runs"].values()) == {"done"}
    assert found["not_found"] == []


def test_pages_work_at_every_stage_of_the_change_to_another_network(
    make_site: Callable[..., Site], tmp_path: Path
) -> None:
    site = unpacked(ARCHIVES[-1], make_site(POSTERSITE_EXTRACTORS=""))
    found = run_module("tests.upgrades.open_with_another_network", tmp_path / "release", site)
    for stage in found["stages"]:
        assert (stage["not_opened"], stage["without_lookalikes"]) == ({}, [])
    embedding, suggesting, done = found["stages"]
    current, earlier = embedding["current"], embedding["serving"]
    assert earlier.startswith("postersite-") and earlier != current
    assert embedding["model"] == [earlier, True] and current not in embedding["embedded"]
    assert (suggesting["serving"], suggesting["model"]) == (current, [current, True])
    assert done["model"] == [current, True] and {current, earlier} < set(done["embedded"])
    assert set(found["runs"].values()) == {"done"}


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
