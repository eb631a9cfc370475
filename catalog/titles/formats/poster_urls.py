"""Poster addresses by film id, from a CSV without titles such as `id,poster`."""

from collections.abc import Iterator
from pathlib import Path

from catalog.posters.sources.links import web_address
from ml.csv_files.files import SourceFile
from ml.csv_files.rows import Row, read_rows

from . import csv_file
from ._cells import InvalidCell
from ._parsing import parse_rows
from .records import ReadOptions, RejectedRow, TitleRecord

POSTER = ("poster_url", "poster")
NO_ADDRESS = "without an address"


def read(path: Path | SourceFile, options: ReadOptions | None = None) -> Iterator[TitleRecord | RejectedRow]:
    """Stream records with ids and a `poster_url`, and without a title; rows without an address are skipped.

    `options` say what the column `id` contains. The caller checks that the address is that of a poster
    source. Raises SourceError if the file is missing or lacks a column.
    """
    options = options or ReadOptions()
    rows = read_rows(path, [csv_file.IDS, POSTER], csv_file.KNOWN)
    return parse_rows(rows, lambda row: _parse(row, options))


def _parse(row: Row, options: ReadOptions) -> TitleRecord | None:
    text = row.cell(*POSTER).strip()
    if not text or text.casefold() == "nan":
        options.skip(NO_ADDRESS)
        return None
    address = web_address(text)
    if not address:
        raise InvalidCell(f"the poster {text[:80]!r} is not the address of an image")
    ids = csv_file.parse_ids(row, options)
    if not any(ids.values()):
        raise InvalidCell("the row has no id")
    return TitleRecord(title="", poster_url=address, file=row.file, line=row.line, **ids)
