"""Titles from MovieGenre.csv of the "Movie Genre from its Poster" dataset, which has years in titles."""

from collections.abc import Iterator
from pathlib import Path

from ml.csv_files.files import SourceFile
from ml.csv_files.rows import Row, read_rows

from ._cells import InvalidCell, parse_genres, parse_imdb_id
from ._parsing import parse_rows
from .movielens import split_title
from .records import RejectedRow, TitleRecord


def read(path: Path | SourceFile) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of a MovieGenre.csv, without its poster addresses: posters come from a poster source.

    Raises SourceError if the file is missing or lacks a column.
    """
    return parse_rows(read_rows(path, [{"imdbid"}, {"title"}, {"genre"}]), _parse)


def _parse(row: Row) -> TitleRecord:
    imdb_id = parse_imdb_id(row.cell("imdbid"), "imdbId")
    if imdb_id is None:
        raise InvalidCell("the imdbId is empty")
    title, year = split_title(row.cell("title"))
    return TitleRecord(
        title=title,
        year=year,
        genres=parse_genres(row.cell("genre")),
        imdb_id=imdb_id,
        file=row.file,
        line=row.line,
    )
