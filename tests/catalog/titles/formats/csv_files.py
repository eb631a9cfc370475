"""Titles and rejected rows, apart."""

from collections.abc import Iterable

from catalog.titles.formats.records import RejectedRow, TitleRecord


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
