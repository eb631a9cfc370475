"""Ids that one file gives twice."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator

from ._cells import BadCell, RepeatedRow
from ._csv_rows import Row
from .records import RejectedRow, SourceError, TitleRecord

MOST_IN_MEMORY = 30_000


class Repeats:
    """Remembers which line of one file took each id first, in memory that does not grow without end.

    From the MOST_IN_MEMORY-th id on it lies in a temporary SQLite database, which is gone with this object.
    """

    def __init__(self) -> None:
        # By kind and id the line, and the hash of its title.
        self._lines: dict[tuple[str, str | int], tuple[int, int]] = {}
        self._table: sqlite3.Connection | None = None

    def refuse_any(self, line: int, record: TitleRecord, file: str | None = None) -> None:
        """Remember the ids of a title; raises BadCell, and remembers none, when an earlier line has one.

        It is a RepeatedRow when that line gave the very same title. Raises SourceError when the disk has no
        room to remember more.
        """
        ids: dict[str, str | int | None] = {
            "file": file,
            "MovieLens id": record.movielens_id,
            "id": record.local_id,
            "IMDb id": record.imdb_id,
            "TMDB id": record.tmdb_id,
        }
        given = [(kind, external_id) for kind, external_id in ids.items() if external_id is not None]
        try:
            for kind, external_id in given:
                first, title = self._first_line(kind, external_id)
                if first and title == hash(record):
                    raise RepeatedRow(f"it repeats line {first}")
                if first:
                    raise BadCell(f"the {kind} {external_id} was already on line {first}")
            self._remember(given, line, hash(record))
        except sqlite3.Error as error:
            raise SourceError(
                f"{record.file}: no room to note its ids down ({error}); make room for temporary files"
            ) from error

    def _first_line(self, kind: str, external_id: str | int) -> tuple[int, int]:
        if self._table is None:
            return self._lines.get((kind, external_id), (0, 0))
        found = self._table.execute(
            "SELECT line, title FROM seen WHERE id = ? AND kind = ?", (external_id, kind)
        )
        return found.fetchone() or (0, 0)

    def _remember(self, given: list[tuple[str, str | int]], line: int, title: int) -> None:
        if self._table is None:
            self._lines.update(dict.fromkeys(given, (line, title)))
            if len(self._lines) < MOST_IN_MEMORY:
                return
            # No affinity: a text id "7" and a number 7 are two.
            self._table = private_database(
                "CREATE TABLE seen (id, kind, line, title, PRIMARY KEY (id, kind)) WITHOUT ROWID"
            )
            rows = [(external_id, kind, *first) for (kind, external_id), first in self._lines.items()]
            self._lines.clear()
        else:
            rows = [(external_id, kind, line, title) for kind, external_id in given]
        self._table.executemany("INSERT INTO seen VALUES (?, ?, ?, ?)", rows)


def private_database(*tables: str) -> sqlite3.Connection:
    """A nameless database made by `CREATE TABLE` statements, in an unlinked temporary file.

    It takes 8 MB of memory, whatever is put into it, and is gone with the connection.
    """
    # An abandoned generator may be closed by another thread than the one that read from it; two never use
    # it at once.
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA cache_size = -8000")  # KiB
    for table in tables:
        database.execute(table)
    database.execute("BEGIN")
    return database


def unrepeated(
    rows: Iterable[Row | RejectedRow], record: Callable[[Row], TitleRecord | None]
) -> Iterator[TitleRecord | RejectedRow]:
    """The title that `record` makes of each row, unless it is None.

    A row that `record` refuses, or whose id came before, is rejected.
    """
    repeats = Repeats()
    for row in rows:
        if isinstance(row, RejectedRow):
            yield row
            continue
        try:
            title = record(row)
            if title is None:
                continue
            repeats.refuse_any(row.line, title)
        except BadCell as error:
            yield row.rejected(error)
        else:
            yield title
