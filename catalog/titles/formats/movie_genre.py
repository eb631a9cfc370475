"""Titles from MovieGenre.csv, the "Movie Genre from its Poster" dataset: bare IMDb ids, years in titles."""

from collections.abc import Iterator
from pathlib import Path

from ._cells import BadCell, genres_in, imdb_id_in
from ._csv_rows import Row, read_rows
from ._parsing import unrepeated
from .files import SourceFile
from .movielens import split_title
from .records import RejectedRow, TitleRecord


def read(place: Path | SourceFile) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of a MovieGenre.csv; a film's second row is a repeat, or rejected.

    The addresses in its column Poster are not used: pictures come from a poster source.

    Raises SourceError when the file is missing or lacks imdbId, Title or Genre.
    """
    return unrepeated(read_rows(place, needs=[{"imdbid"}, {"title"}, {"genre"}]), _record)


def _record(row: Row) -> TitleRecord:
    imdb_id = imdb_id_in(row.cell("imdbid"), "imdbId")
    if imdb_id is None:
        raise BadCell("the imdbId is empty")
    title, year = split_title(row.cell("title"))
    return TitleRecord(
        title=title,
        year=year,
        genres=genres_in(row.cell("genre")),
        imdb_id=imdb_id,
        file=row.file,
        line=row.line,
    )
