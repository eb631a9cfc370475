"""Spreadsheets run no text in the site's CSV files as a formula, wherever they split lines."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalog
from catalog.csv_safety import SIGNS, SafeCsvWriter, inert

DROPPED = " \t\r\n\"'\x00\u200b\ufeff\xa0"
NUMBER = re.compile(r"-\d+(\.\d+)?([eE][+-]?\d+)?")


def line_of(*cells: object) -> str:
    file = io.StringIO()
    SafeCsvWriter(file).writerow(cells)
    return file.getvalue()


def run_by_a_spreadsheet(text: str) -> list[str]:
    """Parts of a line that some spreadsheet would run: however it splits, and whatever it drops before them.

    An apostrophe right before what is left says that it is text.
    """
    parts = re.split(r"[,;|\t\r\n]", text)
    found = []
    for part in parts:
        bare = part.lstrip(DROPPED)
        protected = "'" in part[: len(part) - len(bare)]
        if bare[:1] and bare[0] in SIGNS and not protected and not NUMBER.fullmatch(bare.rstrip(' "')):
            found.append(part)
    return found


@pytest.mark.parametrize(
    "marked",
    [
        *("^=1+1", "^+1+1", "^-1+1", "^@SUM(A1)", "^＝1+1", "^  =1+1", "^\xa0=1+1", "^\ufeff=1+1", '^"=1+1"'),
        *(";^=1+1", "a;^=1+1", "a,^=1+1", "a;^ '=1+1", "a\n^=1+1", "a\r^=1+1", "a\t^=1+1", "a|^=1+1"),
        *('a;^"=1+1"', "^\tHeat", "^\rHeat", "^\nHeat", "^\t^=1+1", "-5;^=1+1"),
    ],
)
def test_formulas_get_an_apostrophe(marked: str) -> None:
    """A caret marks its place."""
    assert inert(marked.replace("^", "")) == marked.replace("^", "'")


@pytest.mark.parametrize(
    "text",
    [
        *("", "Heat", "-5", "-5.25", " -5 ", "-1e-7", "-1,-2;-3"),
        *("Spider-Man", "1+1=2", "a@b.org", "https://example.org/?a=1&b=2", "Alien; a film", "It's"),
    ],
)
def test_other_texts_are_unchanged(text: str) -> None:
    assert inert(text) == text


PIECES = st.sampled_from([*SIGNS, *DROPPED, ",", ";", "|", "1", "a", "-5", "=1+1"])


@given(st.lists(PIECES | st.characters(), max_size=20).map("".join))
def test_no_part_of_any_text_is_run_and_only_apostrophes_are_added(text: str) -> None:
    assert not run_by_a_spreadsheet(inert(text))
    assert inert(text).replace("'", "") == text.replace("'", "")


@given(st.lists(st.lists(PIECES, max_size=8).map("".join), min_size=1, max_size=4))
def test_no_part_of_a_line_is_run_whether_quotes_count_or_not(cells: list[str]) -> None:
    assert not run_by_a_spreadsheet(line_of("x", *cells))


def test_numbers_stay_numbers() -> None:
    assert line_of(-5, -0.25, None, "-5", "x") == "-5,-0.25,,-5,x\r\n"


def test_all_csv_files_are_written_by_the_safe_writer() -> None:
    """But for the sample's, whose films are our own."""
    root = Path(catalog.__file__).parent
    writing = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"csv\.(writer|DictWriter)\(", path.read_text())
    }
    assert {name for name in writing if not name.startswith("sample/")} == {"csv_safety.py"}
