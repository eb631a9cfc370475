"""Titles from movie_metadata.csv of the "IMDB 5000 Movie Dataset", which has ids in links."""

import re
from collections.abc import Iterator
from pathlib import Path

from ml.csv_files.files import SourceFile
from ml.csv_files.rows import Row, read_rows

from ._cells import InvalidCell, parse_genres, parse_imdb_id, parse_title, parse_year
from ._parsing import parse_rows
from .records import RejectedRow, TitleRecord

_LINK = re.compile(r"/title/(tt[0-9]{7,10})(?![0-9])", re.ASCII)


def read(path: Path | SourceFile) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles. Raises SourceError if the file is missing or lacks a column."""
    return parse_rows(read_rows(path, [{"movie_imdb_link"}, {"movie_title"}, {"genres"}]), _parse)


def _parse(row: Row) -> TitleRecord:
    link = row.cell("movie_imdb_link")
    if not (found := _LINK.search(link)):
        raise InvalidCell(f"the movie_imdb_link {link[:80]!r} contains no IMDb id")
    return TitleRecord(
        title=parse_title(row.cell("movie_title"), "movie_title"),
        year=parse_year(row.cell("title_year"), "title_year"),
        genres=parse_genres(row.cell("genres")),
        imdb_id=parse_imdb_id(found[1]),
        file=row.file,
        line=row.line,
    )
