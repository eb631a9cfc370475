"""Titles from movie_metadata.csv, the "IMDB 5000 Movie Dataset": ids in links, rows that repeat."""

import re
from collections.abc import Iterator
from pathlib import Path

from ._cells import BadCell, genres_in, imdb_id_in, title_in, year_in
from ._csv_rows import Row, read_rows
from ._parsing import unrepeated
from .files import SourceFile
from .records import RejectedRow, TitleRecord

_LINK = re.compile(r"/title/(tt[0-9]{7,10})(?![0-9])", re.ASCII)


def read(place: Path | SourceFile) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of a movie_metadata.csv; a film's second row is a repeat, or rejected.

    Raises SourceError when the file is missing or lacks movie_imdb_link, movie_title or genres.
    """
    rows = read_rows(place, needs=[{"movie_imdb_link"}, {"movie_title"}, {"genres"}])
    return unrepeated(rows, _record)


def _record(row: Row) -> TitleRecord:
    link = row.cell("movie_imdb_link")
    if not (found := _LINK.search(link)):
        raise BadCell(f"the movie_imdb_link {link[:80]!r} holds no IMDb id")
    return TitleRecord(
        title=title_in(row.cell("movie_title"), "movie_title"),
        year=year_in(row.cell("title_year"), "title_year"),
        genres=genres_in(row.cell("genres")),
        imdb_id=imdb_id_in(found[1]),
        file=row.file,
        line=row.line,
    )
