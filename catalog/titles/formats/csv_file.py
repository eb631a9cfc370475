"""Titles from a CSV of one's own: `id,title,genres`, where an empty genres cell is a new arrival to label."""

from collections.abc import Iterator
from pathlib import Path

from . import title_rows
from ._cells import BadCell
from ._csv_rows import Row, read_rows
from ._parsing import unrepeated
from .files import SourceFile
from .options import Selection
from .records import RejectedRow, TitleRecord

IDS = tuple(sorted({*title_rows.ID, *title_rows.IMDB_ID, *title_rows.TMDB_ID, *title_rows.MOVIELENS_ID}))


def read(place: Path | SourceFile, selection: Selection | None = None) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of the CSV at `place`; `selection` says what its column `id` holds.

    The header needs `title` and one of `id`, `imdb_id`, `tmdb_id`, `movielens_id`; `genres`, `year`,
    `original_title`, `overview` and `franchise` (or `series`) are used when there. Genres are separated by
    commas inside a quoted cell, or by pipes, or are a list in JSON or Python. The delimiter (comma,
    semicolon, tab, pipe), a byte-order mark and the encoding (UTF-8, UTF-16 with a mark, else Windows-1252)
    are found out.

    Raises SourceError when the file is missing, undecodable or lacks a column.
    """
    rows = read_rows(place, [title_rows.TITLE, IDS], known=title_rows.KNOWN)
    return unrepeated(rows, lambda row: _record(row, selection or Selection()))


def _record(row: Row, selection: Selection) -> TitleRecord:
    record = title_rows.title_record(row, selection=selection)
    if not (record.local_id or record.imdb_id or record.tmdb_id or record.movielens_id):
        raise BadCell("the row has no id, so importing it again would double it")
    return record
