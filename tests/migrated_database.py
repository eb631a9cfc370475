"""Copy the migrated test database from an earlier run instead of migrating it again, which takes seconds."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import django
import pytest
from django.db.migrations.loader import MigrationLoader


def stored_in(cache: pytest.Cache) -> Path:
    """The file for the database that these migrations make with these versions of Django and SQLite."""
    digest = hashlib.sha256(f"{django.VERSION} {sqlite3.sqlite_version}".encode())
    for key, migration in sorted(MigrationLoader(None).disk_migrations.items()):
        digest.update(repr(key).encode())
        digest.update(Path(str(sys.modules[migration.__module__].__file__)).read_bytes())
    return cache.mkdir("migrated_database") / f"{digest.hexdigest()}.sqlite3"


def load(file: Path, memory: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(file)) as stored:
        stored.backup(memory)


def store(memory: sqlite3.Connection, file: Path) -> None:
    """Store the database, and delete those of other migrations."""
    if not memory.execute("SELECT 1 FROM sqlite_master").fetchone():
        return  # no test of this run uses the database, so pytest-django has not migrated it
    for old in file.parent.glob("*.sqlite3"):
        if old != file:
            old.unlink(missing_ok=True)
    # Several processes may store at once: each writes a file of its own and renames it.
    temporary = file.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(temporary)) as stored:
        memory.backup(stored)
    temporary.replace(file)
