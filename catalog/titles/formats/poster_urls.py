"""CSV files with poster addresses by film id, such as `id,poster`; they have no titles."""

from collections.abc import Iterator
from pathlib import Path

from catalog.posters.sources.links import web_address

from . import csv_file, title_rows
from ._cells import BadCell
from ._csv_rows import Row, read_rows
from ._parsing import unrepeated
from .files import SourceFile
from .options import Selection
from .records import RejectedRow, TitleRecord

POSTER = ("poster_url", "poster")
NO_ADDRESS = "without an address"


def read(place: Path | SourceFile, selection: Selection | None = None) -> Iterator[TitleRecord | RejectedRow]:
    """Stream records without a title, each with ids and a `poster_url`.

    `selection` says what the column `id` holds. Rows without an address are left out. The caller checks
    whether an address belongs to a poster source.

    Raises SourceError when the file is missing or lacks a column.
    """
    wanted = selection or Selection()
    rows = read_rows(place, [csv_file.IDS, POSTER], known=title_rows.KNOWN)
    return unrepeated(rows, lambda row: _record(row, wanted))


def _record(row: Row, selection: Selection) -> TitleRecord | None:
    text = row.cell(*POSTER).strip()
    if not text or text.casefold() == "nan":
        selection.leave_out(NO_ADDRESS)
        return None
    address = web_address(text)
    if not address:
        raise BadCell(f"the poster {text[:80]!r} is not the address of a picture")
    ids = title_rows.ids_in(row, selection)
    if not any(ids.values()):
        raise BadCell("the row has no id")
    return TitleRecord(title="", poster_url=address, file=row.file, line=row.line, **ids)
