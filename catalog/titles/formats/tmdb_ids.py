"""Titles from TMDB's daily export of ids, movie_ids_MM_DD_YYYY.json.gz: one JSON object per line.

Format: https://developer.themoviedb.org/docs/daily-id-exports. An object has little more than id, original
title and popularity.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from catalog.external_ids import LARGEST_ID
from ml.csv_files.encoding import is_undecodable
from ml.csv_files.files import SourceFile, read_lines
from ml.csv_files.rows import Row

from ._cells import InvalidCell, parse_title
from ._parsing import parse_rows
from .records import ReadOptions, RejectedRow, SourceError, TitleRecord, shortened

MAX_LINE_BYTES = 1 << 16


def read(path: Path | SourceFile, options: ReadOptions | None = None) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of an export of movie ids, without genres and years.

    A title is the original one, and tentative: a movie in the catalogue keeps its own. Skips adult titles and
    videos unless `options` include them.

    Raises SourceError if the file is missing or its first line is not a movie (TMDB also exports people and
    series), and after the rows before if it is truncated.
    """
    options = options or ReadOptions()
    return parse_rows(_rows(SourceFile.of(path)), lambda row: _parse(row, options))


def _rows(source: SourceFile) -> Iterator[Row | RejectedRow]:
    is_first = True
    with source.open() as file:
        for number, line, is_whole in read_lines(file, MAX_LINE_BYTES, str(source)):
            text = line.decode(errors="surrogateescape")
            if not text.strip():
                continue
            if is_first:
                _check_first(text, source)
                is_first = False
            reason = "" if is_whole else f"the line has over {MAX_LINE_BYTES:,} bytes"
            if is_undecodable(text):
                reason = "the line contains bytes that are not UTF-8"
            if reason:
                yield RejectedRow(source.name, number, reason, shortened(text))
            else:
                yield Row(source.name, number, text, {})
    if is_first:
        raise SourceError(f"{source} is empty; TMDB's export of ids has one JSON object per line")


def _check_first(text: str, source: SourceFile) -> None:
    if not isinstance(movie := _json(text), dict) or not {"id", "original_title"} <= movie.keys():
        raise SourceError(
            f"{source} is not an export of movie ids: its first line has no id and original_title: "
            f"{shortened(text)}; give a file such as movie_ids_11_22_2026.json.gz"
        )


def _parse(row: Row, options: ReadOptions) -> TitleRecord | None:
    movie = _json(row.text)
    if not isinstance(movie, dict):
        raise InvalidCell("the line is not a JSON object")
    tmdb_id, title = movie.get("id"), movie.get("original_title")
    if type(tmdb_id) is not int or not 0 < tmdb_id <= LARGEST_ID:
        raise InvalidCell(f"the id {shortened(repr(tmdb_id))[:40]} is not a positive whole number")
    if not isinstance(title, str):
        raise InvalidCell("the original_title is not a text")
    for kind in ("adult", "video"):
        if movie.get(kind) not in (True, False, None):
            raise InvalidCell(f"{kind} is neither true nor false")
        if movie.get(kind) and not getattr(options, kind):
            options.skip(kind)
            return None
    return TitleRecord(
        title=parse_title(title, "original_title"),
        tmdb_id=tmdb_id,
        tentative_title=True,
        file=row.file,
        line=row.line,
    )


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
