"""Temporary databases, for data that may not fit into memory while a file is read."""

import sqlite3

from .records import SourceError


def temporary_database(*statements: str) -> sqlite3.Connection:
    """A database in an unlinked temporary file, created with `statements`, which are `CREATE ...`.

    It uses at most 8 MB of memory, and is deleted with the connection.
    """
    # A generator may be closed by another thread than the one that read from it; never two at once.
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA cache_size = -8000")  # KiB
    for statement in statements:
        database.execute(statement)
    database.execute("BEGIN")
    return database


def disk_full(file: str, error: sqlite3.Error) -> SourceError:
    """The error for a temporary database that cannot be written while `file` is read."""
    return SourceError(f"{file}: its ids cannot be stored ({error}); free some space for temporary files")
