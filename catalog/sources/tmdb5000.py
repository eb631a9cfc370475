"""Titles from tmdb_5000_movies.csv, the "TMDB 5000 Movie Dataset": genres are JSON inside a cell."""

import json
from collections.abc import Iterator
from pathlib import Path

from .cells import (
    BadCell,
    canonical_genres,
    checked_year,
    imdb_id_in,
    name_in,
    number_in,
    prose_in,
    title_in,
)
from .csv_rows import Row, read_rows
from .records import RejectedRow, TitleRecord
from .repeats import unrepeated


def read(path: Path) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of a tmdb_5000_movies.csv; `original_title` is set where it differs from the title.

    Raises SourceError when the file is missing or lacks the columns id, title or genres.
    """
    return unrepeated(read_rows(path, needs=[{"id"}, {"title"}, {"genres"}]), _record)


def _record(row: Row) -> TitleRecord:
    tmdb_id = number_in(row.cell("id"), "id")
    if tmdb_id is None:
        raise BadCell("the id is empty")
    original = name_in(row.cell("original_title"), "original_title")
    title = title_in(row.cell("title") or original)
    return TitleRecord(
        title=title,
        year=_release_year(row.cell("release_date")),
        genres=canonical_genres(_names(row.cell("genres"), "genres")),
        imdb_id=imdb_id_in(row.cell("imdb_id")),
        tmdb_id=tmdb_id,
        original_title=original if original != title else "",
        overview=prose_in(row.cell("overview")),
        file=row.file,
        line=row.line,
    )


def _release_year(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    year, dash, _ = text.partition("-")
    if not dash or not (len(year) == 4 and year.isascii() and year.isdigit()):
        raise BadCell(f"the release_date {text[:40]!r} is not a date such as 2009-12-10")
    return checked_year(int(year), "year of the release_date")


def _names(text: str, column: str) -> list[str]:
    if not text.strip():
        return []
    wrong = BadCell(f'the {column} are not a JSON list of {{"id", "name"}}')
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(entries, list):
        raise wrong
    names = [entry.get("name") if isinstance(entry, dict) else None for entry in entries]
    if not all(isinstance(name, str) for name in names):
        raise wrong
    return [name for name in names if isinstance(name, str)]
