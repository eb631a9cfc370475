"""Stream the rows of a CSV file; after a malformed row, reading continues on the next line."""

import csv
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Self, TextIO

from ml.csv_files.encoding import UTF16_MARKS, described, detect_encoding, is_undecodable
from ml.csv_files.files import BlankLines, SourceError, SourceFile, shortened

MAX_ROW_LENGTH = 1 << 20
DELIMITERS = ",;\t|"
# After an unclosed quote, up to MAX_ROW_LENGTH is read again; this limits the work on a hostile file.
MAX_REPEATED_LINES = 1_000_000


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row that was not imported, or only in part: where it starts, the reason, and how it begins.

    repeats: the row repeats an earlier one, so nothing is lost.
    """

    file: str
    line: int
    reason: str
    text: str
    repeats: bool = False

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file. `cells` maps column names, as `folded` returns them, to texts."""

    file: str
    line: int
    text: str
    cells: dict[str, str]

    def cell(self, *columns: str) -> str:
        """The text in the first of `columns` that the file has, "" if it has none of them."""
        return next((self.cells[column] for column in columns if column in self.cells), "")

    def rejected(self, reason: object, *, repeats: bool = False) -> RejectedRow:
        return RejectedRow(self.file, self.line, str(reason), shortened(self.text), repeats)


def read_rows(
    path: Path | SourceFile, required: Sequence[Collection[str]], known: Collection[str] = ()
) -> Iterator[Row | RejectedRow]:
    """Stream the rows of a CSV file, gzipped or not, in constant memory; rows without content are skipped.

    The header must have one column of each collection in `required`, named as `folded` returns them. The
    delimiter is the one with which the header has the most `required` and `known` columns.

    A row is rejected for an unclosed or unescaped quote, a NUL, bytes that are not in the file's encoding,
    too much text, or another number of cells than the header has. `line` is the line on which it starts.

    Raises SourceError before the first row if the file is missing, empty, undecodable or lacks a column; and
    after the rows before if it is truncated, or has too many unclosed quotes or blank rows.
    """
    source = SourceFile.of(path)
    encoding = detect_encoding(source)
    # UTF-16 cannot be read past invalid bytes, so there they are replaced.
    errors = "replace" if encoding == "utf-16" else "surrogateescape"
    with TextIOWrapper(source.open(), encoding=encoding, errors=errors, newline="") as file:
        lines = _Lines(file)
        header_text = _header_text(lines, source)
        wanted = {*known, *(column for alternatives in required for column in alternatives)}
        header, delimiter = _header(header_text, wanted, source)
        for alternatives in required:
            if not set(alternatives) & set(header):
                raise SourceError(
                    f"{source} has no column {' or '.join(repr(a) for a in alternatives)}; "
                    f"its first line is: {shortened(header_text)}"
                )
        yield from _rows(lines, header, delimiter, source, encoding)


def first_line(source: SourceFile) -> str:
    """The first line that is not blank. Raises SourceError if there is none or the file cannot be read."""
    with source.open() as file:
        encoding = "utf-16" if file.peek(2)[:2] in UTF16_MARKS else "utf-8-sig"
        with TextIOWrapper(file, encoding=encoding, errors="replace", newline="") as text:
            return _header_text(_Lines(text), source)


def columns_in(line: str, wanted: Collection[str], source: SourceFile) -> list[str]:
    """The folded column names in a header, split by the delimiter that gives the most `wanted` ones.

    Raises SourceError if `line` cannot be a header.
    """
    return _header(line, wanted, source)[0]


def folded(column: str) -> str:
    """A column name in lower case, with "_" for spaces and hyphens."""
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


def _header(text: str, wanted: Collection[str], source: SourceFile) -> tuple[list[str], str]:
    if "\0" in text:
        raise SourceError(f"{source} starts with binary data; a CSV file was expected")
    best: list[str] = []
    best_delimiter = DELIMITERS[0]
    first_error: csv.Error | None = None
    for delimiter in DELIMITERS:
        try:
            columns = [folded(cell) for cell in next(csv.reader([text], delimiter=delimiter, strict=True))]
        except csv.Error as error:  # quoted names can be split by one delimiter only
            first_error = first_error or error
            continue
        if not best or len(set(wanted) & set(columns)) > len(set(wanted) & set(best)):
            best, best_delimiter = columns, delimiter
    if not best:
        raise SourceError(f"{source}: the line of column names cannot be read: {first_error}")
    return best, best_delimiter


def _rows(
    lines: "_Lines", header: list[str], delimiter: str, source: SourceFile, encoding: str
) -> Iterator[Row | RejectedRow]:
    file = source.name
    blank_lines = BlankLines(str(source))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.start_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong) as error:
            blank_lines.count(blank=False)
            line = lines.row_number
            yield RejectedRow(file, line, _reason(error), shortened(lines.row[0]))
            lines.rewind()
            if lines.repeated > MAX_REPEATED_LINES:
                raise SourceError(
                    f"{file}, line {line}: too many unclosed quotes to tell the rows apart; "
                    "save the file as CSV again, or close the quotes"
                ) from error
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        is_blank = not any(cell.strip() for cell in cells)
        blank_lines.count(blank=is_blank)
        if is_blank:
            continue
        while len(cells) > len(header) and not cells[-1].strip():
            cells.pop()  # spreadsheets pad rows with empty cells
        text = "".join(lines.row)
        if fault := _fault(cells, header, text, encoding):
            yield RejectedRow(file, lines.row_number, fault, shortened(text))
        else:
            # Reversed, so that of two columns with one name the first counts.
            by_name = dict(zip(reversed(header), reversed(cells), strict=True))
            yield Row(file, lines.row_number, text, by_name)


def _fault(cells: list[str], header: list[str], text: str, encoding: str) -> str:
    if "\0" in text:
        return "the row contains NUL bytes"
    if is_undecodable(text):
        return f"the row contains bytes that are not {described(encoding)}"
    if len(cells) != len(header):
        hint = "; put a cell that contains the delimiter in quotes" if len(cells) > len(header) else ""
        return f"the row has {len(cells)} cells where the header has {len(header)}{hint}"
    return ""


def _reason(error: Exception) -> str:
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
    """The lines of a file, for csv.reader; those of the current row after the first can be read again."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._pending: deque[str] = deque()
        self._number = 0
        self._size = 0
        self.repeated = 0
        self.row: list[str] = []

    @property
    def row_number(self) -> int:
        """The number, from 1, of the line on which the current row starts."""
        return self._number - len(self.row) + 1

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._pending.popleft() if self._pending else self._file.readline(MAX_ROW_LENGTH)
        if not line:
            raise StopIteration
        self._number += 1
        self._size += len(line)
        self.row.append(line)
        if len(line) == MAX_ROW_LENGTH and not line.endswith(("\n", "\r")):
            while (rest := self._file.readline(MAX_ROW_LENGTH)) and not rest.endswith(("\n", "\r")):
                pass
            raise _TooLong
        if self._size > MAX_ROW_LENGTH:
            raise _TooLong
        return line

    def start_row(self) -> None:
        self.row = []
        self._size = 0

    def rewind(self) -> None:
        """Go back to the second line of the current row."""
        lines = self.row[1:]
        self.repeated += len(lines)
        self._pending.extendleft(reversed(lines))
        self._number -= len(lines)
        self.row = self.row[:1]
