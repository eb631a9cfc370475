"""Titles from title.basics.tsv(.gz), IMDb's list of all its titles.

Format: https://developer.imdb.com/non-commercial-datasets/. Of more than ten million rows a twentieth are
films, so rows of other types are skipped before they are decoded.
"""

from collections.abc import Iterator
from pathlib import Path

from ml.csv_files.encoding import is_undecodable
from ml.csv_files.files import SourceFile, read_lines
from ml.csv_files.rows import MAX_ROW_LENGTH, Row, folded

from ._cells import InvalidCell, parse_flag, parse_genres, parse_imdb_id, parse_name, parse_title, parse_year
from .records import ReadOptions, RejectedRow, SourceError, TitleRecord, shortened

NULL = "\\N"
NAMES = ("tconst", "titleType", "primaryTitle", "originalTitle", "isAdult", "startYear", "genres")
COLUMNS = tuple(map(folded, NAMES))


def read(path: Path | SourceFile, options: ReadOptions | None = None) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of the types in `options`, in constant memory.

    Cells are never quoted. Repeated ids are not detected: IMDb lists each once.

    Raises SourceError if the file is missing or lacks a column, and after the rows before if it is truncated.
    """
    options = options or ReadOptions()
    for row in _rows(SourceFile.of(path), options):
        if isinstance(row, RejectedRow):
            yield row
            continue
        try:
            record = _parse(row, options)
        except InvalidCell as error:
            yield row.rejected(error)
        else:
            if record:
                yield record


def _rows(source: SourceFile, options: ReadOptions) -> Iterator[Row | RejectedRow]:
    types = {name.lower().encode() for name in options.types}
    with source.open() as file:
        lines = read_lines(file, MAX_ROW_LENGTH, str(source))
        header = _header(next(lines, (0, b"", True))[1], source)
        type_column = header.index("titletype")
        for number, line, is_whole in lines:
            cells = line.split(b"\t")
            if len(cells) == len(header) and cells[type_column].lower() not in types:
                options.skip(cells[type_column].decode(errors="replace")[:40])
                continue
            text = line.decode(errors="surrogateescape")
            if not is_whole:
                reason = f"the row has over {MAX_ROW_LENGTH:,} bytes"
            elif not line.strip():
                continue
            elif len(cells) != len(header):
                reason = f"the row has {len(cells)} cells where the header has {len(header)}"
            elif is_undecodable(text):
                reason = "the row contains bytes that are not UTF-8"
            else:
                texts = ("" if cell == NULL else cell for cell in text.split("\t"))
                yield Row(source.name, number, text, dict(zip(header, texts, strict=True)))
                continue
            yield RejectedRow(source.name, number, reason, shortened(text))


def _header(line: bytes, source: SourceFile) -> list[str]:
    header = [folded(name) for name in line.decode(errors="replace").split("\t")]
    if missing := [name for name in NAMES if folded(name) not in header]:
        raise SourceError(
            f"{source} is not a title.basics.tsv: it has no column {', '.join(missing)}; "
            f"its first line is: {shortened(line.decode(errors='replace'))}"
        )
    return header


def _parse(row: Row, options: ReadOptions) -> TitleRecord | None:
    imdb_id = parse_imdb_id(row.cell("tconst"), "tconst")
    if imdb_id is None:
        raise InvalidCell("the tconst is empty")
    if parse_flag(row.cell("isadult"), "isAdult") and not options.adult:
        options.skip("adult")
        return None
    original = parse_name(row.cell("originaltitle"), "originalTitle")
    title = parse_title(row.cell("primarytitle") or original, "primaryTitle")
    return TitleRecord(
        title=title,
        year=parse_year(row.cell("startyear"), "startYear"),
        genres=parse_genres(row.cell("genres")),
        imdb_id=imdb_id,
        original_title=original if original != title else "",
        file=row.file,
        line=row.line,
    )
