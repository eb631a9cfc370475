"""Titles from published tables of TMDB data, such as tmdb_5000_movies.csv: one film per row.

They differ in how a cell lists genres: the "TMDB 5000 Movie Dataset" as JSON, "The Movies Dataset"
(movies_metadata.csv) as a Python literal, TMDB_movie_dataset_v11.csv as names between commas.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ml.csv_files.files import SourceFile
from ml.csv_files.rows import Row, read_rows

from ._cells import (
    InvalidCell,
    parse_flag,
    parse_genres,
    parse_imdb_id,
    parse_literal,
    parse_name,
    parse_number,
    parse_overview,
    parse_title,
    validated_year,
)
from ._parsing import parse_rows
from .records import ReadOptions, RejectedRow, TitleRecord

# Spreadsheets turn 1995-10-30 into 10/30/1995, or 30/10/1995; the year is the same in each.
_DATE = re.compile(r"([0-9]{4})-[0-9].*|[0-9]{1,2}([/.])[0-9]{1,2}\2([0-9]{4})")


def read(path: Path | SourceFile, options: ReadOptions | None = None) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of the table; `original_title` is set where it differs from the title.

    Skips films that the optional columns `adult` and `video` mark, unless `options` include them.

    Raises SourceError if the file is missing or lacks the columns id, title or genres.
    """
    options = options or ReadOptions()
    return parse_rows(read_rows(path, [{"id"}, {"title"}, {"genres"}]), lambda row: _parse(row, options))


def _parse(row: Row, options: ReadOptions) -> TitleRecord | None:
    tmdb_id = parse_number(row.cell("id"), "id")
    if tmdb_id is None:
        raise InvalidCell("the id is empty")
    for kind in ("adult", "video"):
        if parse_flag(row.cell(kind), kind) and not getattr(options, kind):
            options.skip(kind)
            return None
    original = parse_name(row.cell("original_title"), "original_title")
    title = parse_title(row.cell("title") or original)
    return TitleRecord(
        title=title,
        year=_release_year(row.cell("release_date")),
        genres=parse_genres(row.cell("genres")),
        imdb_id=parse_imdb_id(row.cell("imdb_id")),
        tmdb_id=tmdb_id,
        original_title=original if original != title else "",
        overview=parse_overview(row.cell("overview")),
        franchise=_collection(row.cell("belongs_to_collection")),
        file=row.file,
        line=row.line,
    )


def _release_year(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (found := _DATE.fullmatch(text)):
        raise InvalidCell(f"the release_date {text[:40]!r} is not a date such as 2009-12-10")
    return validated_year(int(found[1] or found[3]), "year of the release_date")


def _collection(text: str) -> str:
    if not text.strip():
        return ""
    collection = parse_literal(text)
    name = collection.get("name") if isinstance(collection, dict) else None
    # A franchise is no reason to lose the title.
    return parse_name(name, "belongs_to_collection") if isinstance(name, str) else ""
