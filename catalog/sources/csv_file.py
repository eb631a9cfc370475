"""Titles from a CSV of one's own: `id,title,genres`, where an empty genres cell is a new arrival to label."""

from collections.abc import Iterator
from pathlib import Path

from . import title_rows
from .cells import BadCell
from .csv_rows import read_rows
from .records import RejectedRow, TitleRecord
from .repeats import Repeats

DELIMITERS = ",;\t|"


def read(path: Path) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of the CSV at `path`.

    The header needs `title` and one of `id`, `imdb_id`, `tmdb_id`, `movielens_id`; `genres`, `year`,
    `original_title`, `overview` and `franchise` (or `series`) are used when there. Genres are separated by
    commas inside a quoted cell, or by pipes. The delimiter (comma, semicolon, tab, pipe), a byte-order mark
    and the encoding (UTF-8, UTF-16 with a mark, else Windows-1252) are found out.

    Raises SourceError when the file is missing, undecodable or lacks a column.
    """
    ids = {*title_rows.ID, *title_rows.IMDB_ID, *title_rows.TMDB_ID, *title_rows.MOVIELENS_ID}
    repeats = Repeats()
    for row in read_rows(path, [title_rows.TITLE, sorted(ids)], DELIMITERS, title_rows.KNOWN):
        if isinstance(row, RejectedRow):
            yield row
            continue
        try:
            record = title_rows.title_record(row)
            if not (record.local_id or record.imdb_id or record.tmdb_id or record.movielens_id):
                raise BadCell("the row has no id, so importing it again would double it")
            repeats.refuse_any(row.line, record)
        except BadCell as error:
            yield row.rejected(error)
        else:
            yield record
