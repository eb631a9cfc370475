"""Rows of a CSV file, streamed: a row that cannot be read is reported, and the next physical line goes on."""

import csv
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from ._cells import RepeatedRow
from ._encoding import UTF16, encoding_of, is_undecodable
from .files import BlankLines, SourceFile
from .records import RejectedRow, SourceError, shortened

LONGEST_ROW = 1 << 20
DELIMITERS = ",;\t|"
# Lines read again after quotes that were not closed: a file of nothing else would be read a thousand times.
MOST_READ_AGAIN = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One row with as many cells as the header; columns are known by their folded names."""

    file: str
    line: int
    text: str
    cells: dict[str, str]

    def cell(self, *columns: str) -> str:
        """The text under the first of `columns` that the file has, "" when it has none of them."""
        return next((self.cells[column] for column in columns if column in self.cells), "")

    def rejected(self, reason: object) -> RejectedRow:
        repeats = isinstance(reason, RepeatedRow)
        return RejectedRow(self.file, self.line, str(reason), shortened(self.text), repeats)


def read_rows(
    place: Path | SourceFile,
    needs: Sequence[Collection[str]],
    delimiters: str = DELIMITERS,
    known: Collection[str] = (),
) -> Iterator[Row | RejectedRow]:
    """Stream the rows of the CSV at `place`, gzipped or not, in constant memory.

    `needs` lists what the header must have: one of each collection of (folded, see `folded`) column names.
    With several `delimiters` the one is taken whose header has most of the needed and `known` columns.
    A row is rejected, with the line it starts on, for a quote that is not closed or not doubled, a NUL,
    bytes in no encoding, too much text, or another number of cells than the header's. A quote that is never
    closed costs its own line only.

    Raises SourceError, when first asked for a row, if the file is missing, empty, undecodable or lacks a
    column; later, after the rows before it, where a packed file breaks off, if so many quotes are left
    open that its rows cannot be told apart, or if most of very many rows are blank.
    """
    source = SourceFile.of(place)
    encoding = encoding_of(source)
    # Bytes that are no text cost their row; UTF-16 has lost its step after them, and no row to name.
    errors = "replace" if encoding == "utf-16" else "surrogateescape"
    with TextIOWrapper(source.open(), encoding=encoding, errors=errors, newline="") as file:
        lines = _Lines(file)
        header_text = _header_text(lines, source)
        wanted = {*known, *(column for alternatives in needs for column in alternatives)}
        header, delimiter = _header(header_text, delimiters, wanted, source)
        for alternatives in needs:
            if not set(alternatives) & set(header):
                raise SourceError(
                    f"{source} has no column {' or '.join(repr(a) for a in alternatives)}; "
                    f"its first line is: {shortened(header_text)}"
                )
        yield from _rows(lines, header, delimiter, source, encoding)


def first_line(source: SourceFile) -> str:
    """The first line that is not blank. Raises SourceError when there is none, or the file cannot be read."""
    with source.open() as file:
        encoding = "utf-16" if file.peek(2)[:2] in UTF16 else "utf-8-sig"
        with TextIOWrapper(file, encoding=encoding, errors="replace", newline="") as text:
            return _header_text(_Lines(text), source)


def columns_in(line: str, wanted: Collection[str], source: SourceFile) -> list[str]:
    """The folded names of columns in a header, by the delimiter that gives the most `wanted` ones.

    Raises SourceError when `line` cannot be a header.
    """
    return _header(line, DELIMITERS, wanted, source)[0]


def folded(column: str) -> str:
    """A column's name as rows know it: lower case, with "_" for spaces and hyphens."""
    return "_".join(column.replace("\ufeff", "").replace("-", " ").casefold().split())


def _header_text(lines: "_Lines", source: SourceFile) -> str:
    blank_lines = BlankLines(str(source))
    try:
        for line in lines:
            if line.strip():
                return line
            blank_lines.count(blank=True)
            lines.start_row()
    except _TooLong:
        raise SourceError(
            f"{source}: its first line is too long to name columns; is it a CSV file?"
        ) from None
    raise SourceError(f"{source} is empty; a CSV file starts with a line of column names")


def _header(text: str, delimiters: str, wanted: Collection[str], source: SourceFile) -> tuple[list[str], str]:
    if "\0" in text:
        raise SourceError(f"{source} starts with binary data; a CSV file was expected")
    best: list[str] = []
    best_delimiter = delimiters[0]
    wrong: csv.Error | None = None
    for delimiter in delimiters:
        try:
            columns = [folded(cell) for cell in next(csv.reader([text], delimiter=delimiter, strict=True))]
        except csv.Error as error:  # names in quotes are split by one delimiter only
            wrong = wrong or error
            continue
        if not best or len(set(wanted) & set(columns)) > len(set(wanted) & set(best)):
            best, best_delimiter = columns, delimiter
    if not best:
        raise SourceError(f"{source}: the line of column names cannot be read: {wrong}") from wrong
    return best, best_delimiter


def _rows(
    lines: "_Lines", header: list[str], delimiter: str, source: SourceFile, encoding: str
) -> Iterator[Row | RejectedRow]:
    file = source.name
    blank_lines = BlankLines(str(source))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.start_row()
        reason = ""
        cells: list[str] = []
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong) as error:
            reason = _sentence(error)
        text = lines.row[0] if reason else "".join(lines.row)
        line = lines.first
        if reason:
            lines.back_to_second()
            if lines.read_again > MOST_READ_AGAIN:
                raise SourceError(
                    f"{file}, line {line}: too many quotes are opened and never closed to tell the rows "
                    "apart; save the file as CSV again, or close the quotes"
                )
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        blank = not reason and not any(cell.strip() for cell in cells)
        blank_lines.count(blank=blank)
        if blank:
            continue
        while len(cells) > len(header) and not cells[-1].strip():
            cells.pop()  # spreadsheets pad rows with empty cells
        reason = reason or _fault(cells, header, text, encoding)
        if reason:
            yield RejectedRow(file, line, reason, shortened(text))
        else:
            named = dict(
                zip(reversed(header), reversed(cells), strict=True)
            )  # of two namesakes the first counts
            yield Row(file, line, text, named)


def _fault(cells: list[str], header: list[str], text: str, encoding: str) -> str:
    if "\0" in text:
        return "the row holds NUL bytes"
    if is_undecodable(text):
        return f"the row holds bytes that are not {'Windows-1252' if encoding == 'cp1252' else 'UTF-8'}"
    if len(cells) != len(header):
        hint = "; put a cell that holds the delimiter in quotes" if len(cells) > len(header) else ""
        return f"the row has {len(cells)} cells where the header has {len(header)}{hint}"
    return ""


def _sentence(error: Exception) -> str:
    if "expected after" in str(error):
        return 'text follows a closing quote; write a quote inside a cell twice ("")'
    if "unexpected end" in str(error):
        return "a quote that opens in this row is never closed"
    if isinstance(error, _TooLong) or "field limit" in str(error):
        return "a cell is too long, or a quote that opens in this row is not closed"
    return f"the row is not CSV: {error}"


class _TooLong(Exception):
    pass


class _Lines:
    """Physical lines, numbered; those of the row at hand but its first can be given again."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self._number = 0
        self._size = 0
        self.read_again = 0
        self.row: list[str] = []

    @property
    def first(self) -> int:
        """The number, from 1, of the line on which the row at hand starts."""
        return self._number - len(self.row) + 1

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._file.readline(LONGEST_ROW)
        if not line:
            raise StopIteration
        self._number += 1
        self._size += len(line)
        self.row.append(line)
        if len(line) == LONGEST_ROW and not line.endswith(("\n", "\r")):
            while (rest := self._file.readline(LONGEST_ROW)) and not rest.endswith(("\n", "\r")):
                pass
            raise _TooLong
        if self._size > LONGEST_ROW:
            raise _TooLong
        return line

    def start_row(self) -> None:
        self.row = []
        self._size = 0

    def back_to_second(self) -> None:
        """Give every line of the row at hand but the first again."""
        again = self.row[1:]
        self.read_again += len(again)
        self._again.extendleft(reversed(again))
        self._number -= len(again)
        self.row = self.row[:1]
