"""Small CSV files for tests, and what a parser made of them."""

from collections.abc import Iterable
from pathlib import Path

from catalog.titles.formats.records import RejectedRow, TitleRecord


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def sorted_out(
    rows: Iterable[TitleRecord | RejectedRow],
) -> tuple[list[TitleRecord], list[tuple[int, str]]]:
    """The titles, and (line, reason) of what was rejected."""
    titles: list[TitleRecord] = []
    rejected: list[tuple[int, str]] = []
    for row in rows:
        if isinstance(row, TitleRecord):
            titles.append(row)
        else:
            rejected.append((row.line, row.reason))
    return titles, rejected
