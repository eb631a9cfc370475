"""Turn rows into titles, and reject rows whose ids came earlier in the file."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator

from ml.csv_files.rows import Row

from ._cells import InvalidCell, RepeatedRow
from .records import RejectedRow, TitleRecord
from .temporary import disk_full, temporary_database


def parse_rows(
    rows: Iterable[Row | RejectedRow], parse: Callable[[Row], TitleRecord | None]
) -> Iterator[TitleRecord | RejectedRow]:
    """Yield the title that `parse` returns for each row, unless it is None.

    Rejects a row for which `parse` raises InvalidCell, and one with an id of an earlier row.
    """
    seen = SeenIds()
    for row in rows:
        if isinstance(row, RejectedRow):
            yield row
            continue
        try:
            record = parse(row)
            if record is None:
                continue
            seen.add(record)
        except InvalidCell as error:
            yield row.rejected(error, repeats=isinstance(error, RepeatedRow))
        else:
            yield record


class SeenIds:
    """The ids in one file, with the line that each was first on; stored on disk, as files may be large."""

    def __init__(self) -> None:
        # Columns without a type: the text "7" and the number 7 are two ids.
        self._database = temporary_database(
            "CREATE TABLE seen (id, kind, line, title, PRIMARY KEY (id, kind)) WITHOUT ROWID"
        )

    def add(self, record: TitleRecord, file: str | None = None) -> None:
        """Add the ids of a title, and the name of its image `file`.

        Raises RepeatedRow if the same title came before, InvalidCell if another title has one of the ids;
        adds nothing then. Raises SourceError if the disk is full.
        """
        ids = {
            "file": file,
            "MovieLens id": record.movielens_id,
            "id": record.local_id,
            "IMDb id": record.imdb_id,
            "TMDB id": record.tmdb_id,
        }
        rows = [(value, kind, record.line, hash(record)) for kind, value in ids.items() if value is not None]
        try:
            for value, kind, _, title in rows:
                found = self._database.execute(
                    "SELECT line, title FROM seen WHERE id = ? AND kind = ?", (value, kind)
                ).fetchone()
                if found and found[1] == title:
                    raise RepeatedRow(f"it repeats line {found[0]}")
                if found:
                    raise InvalidCell(f"the {kind} {value} was already on line {found[0]}")
            self._database.executemany("INSERT INTO seen VALUES (?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise disk_full(record.file, error) from error
