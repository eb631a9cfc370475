"""Limits how long the web process waits for the database, and recognises the errors of such waits."""

from __future__ import annotations

import sqlite3
from typing import Any

from django.db import OperationalError

# A statement that takes longer than this is broken, or the database is.
LONGEST_STATEMENT_S = 30


def limit_waits(database: dict[str, Any], seconds: int) -> None:
    """Changes the settings of ``database`` so that new connections wait at most ``seconds`` for a lock.

    On PostgreSQL this includes waiting for the connection, unless the settings limit that already.
    """
    options = database.setdefault("OPTIONS", {})
    if database["ENGINE"] == "django.db.backends.sqlite3":
        options["timeout"] = seconds
        return
    options.setdefault("connect_timeout", seconds)
    waits = f"-c lock_timeout={seconds}s -c statement_timeout={LONGEST_STATEMENT_S}s"
    options["options"] = f"{options.get('options', '')} {waits}".strip()


def is_unavailable(error: BaseException | None) -> bool:
    """True for temporary errors: the database is locked, overloaded, restarting or unreachable."""
    if not isinstance(error, OperationalError):
        return False
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        # SQLite also uses this class for bugs such as a missing table. The low byte is the kind of error.
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return True
