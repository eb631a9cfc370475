"""Titles from the tables that people have made of TMDB, such as tmdb_5000_movies.csv: one film a row.

They differ in how a cell lists genres: the "TMDB 5000 Movie Dataset" in JSON, "The Movies Dataset"
(movies_metadata.csv) as Python writes it, TMDB_movie_dataset_v11.csv as names between commas.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ._cells import (
    BadCell,
    checked_year,
    flag_in,
    genres_in,
    imdb_id_in,
    literal_in,
    name_in,
    number_in,
    prose_in,
    title_in,
)
from ._csv_rows import Row, read_rows
from ._parsing import unrepeated
from .files import SourceFile
from .options import Selection
from .records import RejectedRow, TitleRecord

# Spreadsheets turn 1995-10-30 into 10/30/1995, or 30/10/1995: the year is sure in each.
_DATE = re.compile(r"([0-9]{4})-[0-9].*|[0-9]{1,2}([/.])[0-9]{1,2}\2([0-9]{4})")


def read(place: Path | SourceFile, selection: Selection | None = None) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of a table of TMDB's; `original_title` is set where it differs from the title.

    Films that the columns `adult` or `video`, where there, mark as such are left out unless selected.

    Raises SourceError when the file is missing or lacks the columns id, title or genres.
    """
    wanted = selection or Selection()
    return unrepeated(read_rows(place, [{"id"}, {"title"}, {"genres"}]), lambda row: _record(row, wanted))


def _record(row: Row, selection: Selection) -> TitleRecord | None:
    tmdb_id = number_in(row.cell("id"), "id")
    if tmdb_id is None:
        raise BadCell("the id is empty")
    for kind in ("adult", "video"):
        if flag_in(row.cell(kind), kind) and not getattr(selection, kind):
            selection.leave_out(kind)
            return None
    original = name_in(row.cell("original_title"), "original_title")
    title = title_in(row.cell("title") or original)
    return TitleRecord(
        title=title,
        year=_release_year(row.cell("release_date")),
        genres=genres_in(row.cell("genres")),
        imdb_id=imdb_id_in(row.cell("imdb_id")),
        tmdb_id=tmdb_id,
        original_title=original if original != title else "",
        overview=prose_in(row.cell("overview")),
        franchise=_collection(row.cell("belongs_to_collection")),
        file=row.file,
        line=row.line,
    )


def _release_year(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (found := _DATE.fullmatch(text)):
        raise BadCell(f"the release_date {text[:40]!r} is not a date such as 2009-12-10")
    return checked_year(int(found[1] or found[3]), "year of the release_date")


def _collection(text: str) -> str:
    if not text.strip():
        return ""
    collection = literal_in(text)
    name = collection.get("name") if isinstance(collection, dict) else None
    # A franchise is no reason to lose the title.
    return name_in(name, "belongs_to_collection") if isinstance(name, str) else ""
