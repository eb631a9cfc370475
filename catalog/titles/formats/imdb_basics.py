"""Titles from title.basics.tsv(.gz), the list of everything that IMDb has: https://developer.imdb.com.

Its columns are described at https://developer.imdb.com/non-commercial-datasets/. Ten million rows and more,
of which a twentieth are films: a row of another type costs one split of its bytes.
"""

from collections.abc import Iterator
from pathlib import Path

from ._cells import BadCell, flag_in, genres_in, imdb_id_in, name_in, title_in, year_in
from ._csv_rows import LONGEST_ROW, Row, folded
from ._encoding import is_undecodable
from .files import SourceFile, lines
from .options import Selection
from .records import RejectedRow, SourceError, TitleRecord, shortened

NOTHING = "\\N"
LONGEST_SHOWN = 1_000
NAMES = ("tconst", "titleType", "primaryTitle", "originalTitle", "isAdult", "startYear", "genres")
COLUMNS = tuple(map(folded, NAMES))


def read(place: Path | SourceFile, selection: Selection | None = None) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of a title.basics.tsv, gzipped or not, of the selected types, in constant memory.

    Cells are never quoted, a `"` is text, and `\\N` is nothing. A title without genres is a new arrival. IMDb
    gives an id once; ids are not remembered, and should one come twice the later row counts.

    Raises SourceError when the file is missing or lacks a column, and where it breaks off, after the rows
    before.
    """
    wanted = selection or Selection()
    source = SourceFile.of(place)
    for row in _rows(source, wanted):
        if isinstance(row, RejectedRow):
            yield row
            continue
        try:
            record = _record(row, wanted)
        except BadCell as error:
            yield row.rejected(error)
        else:
            if record:
                yield record


def _rows(source: SourceFile, selection: Selection) -> Iterator[Row | RejectedRow]:
    types = {name.lower().encode() for name in selection.types}
    with source.open() as file:
        numbered = lines(file, LONGEST_ROW, str(source))
        header = _header(next(numbered, (0, b"", True))[1], source)
        type_at = header.index("titletype")
        for number, line, whole in numbered:
            cells = line.split(b"\t")
            if len(cells) == len(header) and cells[type_at].lower() not in types:
                selection.leave_out(cells[type_at].decode(errors="replace")[:40])
                continue
            text = line.decode(errors="surrogateescape")
            if not whole:
                reason = f"the row has over {LONGEST_ROW:,} bytes"
            elif not line.strip():
                continue
            elif len(cells) != len(header):
                reason = f"the row has {len(cells)} cells where the header has {len(header)}"
            elif is_undecodable(text):
                reason = "the row holds bytes that are not UTF-8"
            else:
                told = ("" if cell == NOTHING else cell for cell in text.split("\t"))
                yield Row(source.name, number, text, dict(zip(header, told, strict=True)))
                continue
            yield RejectedRow(source.name, number, reason, shortened(text[:LONGEST_SHOWN]))


def _header(line: bytes, source: SourceFile) -> list[str]:
    header = [folded(name) for name in line.decode(errors="replace").split("\t")]
    if missing := [name for name in NAMES if folded(name) not in header]:
        raise SourceError(
            f"{source} is no title.basics.tsv: it has no column {', '.join(missing)}; "
            f"its first line is: {shortened(line.decode(errors='replace'))}"
        )
    return header


def _record(row: Row, selection: Selection) -> TitleRecord | None:
    imdb_id = imdb_id_in(row.cell("tconst"), "tconst")
    if imdb_id is None:
        raise BadCell("the tconst is empty")
    if flag_in(row.cell("isadult"), "isAdult") and not selection.adult:
        selection.leave_out("adult")
        return None
    original = name_in(row.cell("originaltitle"), "originalTitle")
    title = title_in(row.cell("primarytitle") or original, "primaryTitle")
    return TitleRecord(
        title=title,
        year=year_in(row.cell("startyear"), "startYear"),
        genres=genres_in(row.cell("genres")),
        imdb_id=imdb_id,
        original_title=original if original != title else "",
        file=row.file,
        line=row.line,
    )
