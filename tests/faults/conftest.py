"""A fresh site for every test, copied from one whose tables were made once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from postersite.launcher.broker import private_broker
from tests import migrated_database
from tests.built_once import built_once
from tests.faults.sites import ROOT, Site


@pytest.fixture(scope="session")
def empty_site(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config, django_db_setup: None
) -> Path:
    """A folder whose database has empty tables, if possible a copy of the other tests' database."""
    cache: pytest.Cache | None = getattr(pytestconfig, "cache", None)

    def migrate(var: Path) -> None:
        if cache and (stored := migrated_database.stored_in(cache)).exists():
            shutil.copy(stored, var / "db.sqlite3")
            return
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=Site(var).environment, check=True)
        # Everything from the write-ahead log into the one file that is copied.
        Site(var).rows("PRAGMA wal_checkpoint(TRUNCATE)")

    return built_once(tmp_path_factory, "empty_site", migrate)


@pytest.fixture
def site(empty_site: Path, tmp_path: Path) -> Iterator[Site]:
    var = tmp_path / "site"
    shutil.copytree(empty_site, var)
    with private_broker(var / "broker") as url:
        yield Site(var, {"REDIS_URL": url, "POSTERSITE_SWEEP_EVERY": "1", "POSTERSITE_CLAIM_LEASE": "3"})
