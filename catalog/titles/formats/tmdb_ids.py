"""Titles from TMDB's daily export of ids, movie_ids_MM_DD_YYYY.json.gz: one JSON object a line.

https://developer.themoviedb.org/docs/daily-id-exports: no more than id, original title and popularity.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from catalog.external_ids import LARGEST_ID

from ._cells import BadCell, title_in
from ._csv_rows import Row
from ._encoding import is_undecodable
from ._parsing import unrepeated
from .files import SourceFile, lines
from .options import Selection
from .records import RejectedRow, SourceError, TitleRecord, shortened

LONGEST_LINE = 1 << 16


def read(place: Path | SourceFile, selection: Selection | None = None) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of an export of movie ids, gzipped or not; all are new arrivals without year.

    The title is the original one, and tentative: a movie that has a title keeps it. What is marked as adult
    or video is left out unless selected.

    Raises SourceError when the file is missing or its first line is no movie (TMDB exports people and series
    alike), and where it breaks off, after the rows before.
    """
    wanted = selection or Selection()
    return unrepeated(_rows(SourceFile.of(place)), lambda row: _record(row, wanted))


def _rows(source: SourceFile) -> Iterator[Row | RejectedRow]:
    is_first = True
    with source.open() as file:
        for number, line, whole in lines(file, LONGEST_LINE, str(source)):
            text = line.decode(errors="surrogateescape")
            if not text.strip():
                continue
            if is_first:
                _check_first(text, source)
                is_first = False
            reason = "" if whole else f"the line has over {LONGEST_LINE:,} bytes"
            if is_undecodable(text):
                reason = "the line holds bytes that are not UTF-8"
            if reason:
                yield RejectedRow(source.name, number, reason, shortened(text))
            else:
                yield Row(source.name, number, text, {})
    if is_first:
        raise SourceError(f"{source} is empty; TMDB's export of ids has one JSON object a line")


def _check_first(text: str, source: SourceFile) -> None:
    if not isinstance(told := _parsed(text), dict) or not {"id", "original_title"} <= told.keys():
        raise SourceError(
            f"{source} is no export of movie ids: its first line has no id and original_title: "
            f"{shortened(text)}; give a file such as movie_ids_11_22_2026.json.gz"
        )


def _record(row: Row, selection: Selection) -> TitleRecord | None:
    told = _parsed(row.text)
    if not isinstance(told, dict):
        raise BadCell("the line is no JSON object")
    tmdb_id, title = told.get("id"), told.get("original_title")
    if type(tmdb_id) is not int or not 0 < tmdb_id <= LARGEST_ID:
        raise BadCell(f"the id {shortened(repr(tmdb_id))[:40]} is not a positive whole number")
    if not isinstance(title, str):
        raise BadCell("the original_title is no text")
    for kind in ("adult", "video"):
        if told.get(kind) not in (True, False, None):
            raise BadCell(f"{kind} is neither true nor false")
        if told.get(kind) and not getattr(selection, kind):
            selection.leave_out(kind)
            return None
    return TitleRecord(
        title=title_in(title, "original_title"),
        tmdb_id=tmdb_id,
        tentative_title=True,
        file=row.file,
        line=row.line,
    )


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
