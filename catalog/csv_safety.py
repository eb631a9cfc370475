"""Write CSV in which spreadsheets run no formulas. Every CSV file of the site is written here."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Protocol

# Characters that begin a formula in spreadsheets, including full-width ones
# (https://owasp.org/www-community/attacks/CSV_Injection).
SIGNS = "=+-@＝＋－＠"
# Depending on language and settings, spreadsheets split a line at other separators, even inside our cells.
_SEPARATOR = re.compile(r"([,;|\t\r\n]+)")
# Spreadsheets may drop spaces, quotes and invisible characters at the beginning of a cell.
_FORMULA = re.compile(rf"[\s\"'\x00\u200b\ufeff]*+[{re.escape(SIGNS)}]")
_NEGATIVE_NUMBER = re.compile(r"\s*-\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*")
_MAYBE = re.compile(rf"^[\t\r\n]|[{re.escape(SIGNS)}]")


class _Writable(Protocol):
    def write(self, text: str, /) -> object: ...


class SafeCsvWriter:
    """A csv.writer for untrusted text: `inert` is applied to every text."""

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
