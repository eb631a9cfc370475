"""Find out by their columns which file of a folder or zip holds titles, and in which form."""

import json
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from ._csv_rows import columns_in, first_line, folded
from .files import SourceFile, files_in_zip, is_zip
from .records import SourceError, shortened
from .registry import COMPANIONS, TITLE_SOURCES, TitleSource, companion

ENDINGS = (".csv", ".tsv", ".txt", ".json", ".jsonl")
MOST_FILES = 200
MOST_NAMED = 8

# By these the delimiter is found out.
_WANTED = frozenset(column for source in TITLE_SOURCES for mark in source.marks for column in mark).union(
    *(marks for marks, _ in COMPANIONS)
)


def recognised(place: Path, among: Sequence[TitleSource] = TITLE_SOURCES) -> tuple[TitleSource, SourceFile]:
    """The form of the titles at `place` (a file, a folder, a zip), and the file that holds them.

    Only first lines are read. Files that are known to lie beside titles (ratings, cast) are passed over.

    Raises SourceError when there is none, or more than one, with what was looked for and what was found.
    """
    if not place.exists():
        raise SourceError(f"{place} does not exist; check the path")
    files = _files(place)
    found: list[tuple[TitleSource, SourceFile]] = []
    others: list[str] = []
    for file in files:
        try:
            columns, is_json = columns_of(file)
        except SourceError as error:
            if len(files) == 1:
                raise
            others.append(str(error))
            continue
        what = companion(columns)
        fitting = [source for source in among if source.fits(columns, is_json=is_json)]
        # Ratings and the like would pass for somebody's own CSV; pictures are not looked for inside a zip.
        not_meant = {"csv", "folder"} if what else {"folder"} if file.member else set()
        fitting = [source for source in fitting if source.name not in not_meant]
        if fitting:
            found.append((fitting[0], file))
        else:
            others.append(f"{file.name} has {what or 'the columns ' + shortened(', '.join(columns))}")
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"{file.name} ({source.name})" for source, file in found[:MOST_NAMED])
        raise SourceError(f"{place} holds several lists of titles: {several}; give the file that you want")
    raise SourceError(_nothing(place, others, among))


def _files(place: Path) -> list[SourceFile]:
    if place.is_dir():
        with os.scandir(place) as entries:
            names = sorted(
                islice(
                    (entry.name for entry in entries if _may_list(entry.name) and entry.is_file()), MOST_FILES
                )
            )
        return [SourceFile(place / name) for name in names]
    if is_zip(place):
        return [file for file in files_in_zip(place) if _may_list(file.name)][:MOST_FILES]
    return [SourceFile(place)]


def _may_list(name: str) -> bool:
    return not name.startswith(".") and name.lower().removesuffix(".gz").endswith(ENDINGS)


def columns_of(file: SourceFile) -> tuple[list[str], bool]:
    """The folded names of its columns, or of the fields of its first JSON object; whether it is JSON.

    Raises SourceError when the file cannot be read, or its first line names no columns.
    """
    line = first_line(file)
    if not line.lstrip().startswith("{"):
        return columns_in(line, _WANTED, file), False
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        told = None
    return [folded(name) for name in told] if isinstance(told, dict) else [], True


def _nothing(place: Path, others: list[str], among: Sequence[TitleSource]) -> str:
    if not others:
        return f"{place} holds no file that ends in {', '.join(ENDINGS)} (or in one of these and .gz)"
    more = f". And {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    looked_for = "; ".join(
        f"{source.name} has {', '.join(' or '.join(sorted(mark)) for mark in source.marks)}"
        for source in among
    )
    return (
        f"No titles were found in {place}: {'. '.join(others[:MOST_NAMED])}{more}. Looked for: {looked_for}"
    )
