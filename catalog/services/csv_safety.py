"""CSV that spreadsheets open without running anything in it: the one way in which this site writes CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Protocol

# What spreadsheets begin a formula with, full-width signs as some keyboards type them included
# (https://owasp.org/www-community/attacks/CSV_Injection).
SIGNS = "=+-@＝＋－＠"
# Spreadsheets split a line at what their user's language or last import says, in the middle of our cells too.
_SEPARATOR = re.compile(r"([,;|\t\r\n]+)")
# Spaces, quotes and characters that are not shown may be dropped before a cell is read.
_FORMULA = re.compile(rf"[\s\"'\x00\u200b\ufeff]*+[{re.escape(SIGNS)}]")
_NEGATIVE_NUMBER = re.compile(r"\s*-\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*")
_MAYBE = re.compile(rf"^[\t\r\n]|[{re.escape(SIGNS)}]")


class _Writable(Protocol):
    def write(self, text: str, /) -> object: ...


class SafeCsvWriter:
    """csv.writer for text that anybody may have typed: each text is written as `inert` makes it."""

    def __init__(self, file: _Writable) -> None:
        self._writer = csv.writer(file)

    def writerow(self, cells: Iterable[object]) -> None:
        """Write one line. Numbers are written as they are, None as nothing."""
        self._writer.writerow([inert(cell) if isinstance(cell, str) else cell for cell in cells])


def inert(text: str) -> str:
    """The text, with an apostrophe before each part of it that a spreadsheet would run as a formula.

    Spreadsheets show such a part as text. Negative numbers stay numbers.
    """
    if not _MAYBE.search(text):
        return text
    safe = "".join(f"'{part}" if _runs(part) else part for part in _SEPARATOR.split(text))
    return f"'{safe}" if safe.startswith(("\t", "\r", "\n")) else safe


def _runs(part: str) -> bool:
    return _FORMULA.match(part) is not None and _NEGATIVE_NUMBER.fullmatch(part) is None
