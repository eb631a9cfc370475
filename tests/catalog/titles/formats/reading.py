"""What tests of all formats share."""

from collections.abc import Iterable

from catalog.titles.formats.records import RejectedRow, TitleRecord


def titles_and_rejections(
    rows: Iterable[TitleRecord | RejectedRow],
) -> tuple[list[TitleRecord], list[tuple[int, str]]]:
    """The titles, and (line, reason) of each rejected row."""
    titles: list[TitleRecord] = []
    rejections: list[tuple[int, str]] = []
    for row in rows:
        if isinstance(row, TitleRecord):
            titles.append(row)
        else:
            rejections.append((row.line, row.reason))
    return titles, rejections
