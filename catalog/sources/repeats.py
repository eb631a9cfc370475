"""Ids that one file gives twice."""

from collections.abc import Callable, Iterable, Iterator

from .cells import BadCell
from .csv_rows import Row
from .records import RejectedRow, TitleRecord


class Repeats:
    """Remembers on which line of one file each id was first taken."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str | int], int] = {}

    def refuse_any(self, line: int, record: TitleRecord, file: str | None = None) -> None:
        """Remember the ids of a title; raises BadCell, and remembers none, when an earlier line has one."""
        ids: dict[str, str | int | None] = {
            "file": file,
            "MovieLens id": record.movielens_id,
            "id": record.local_id,
            "IMDb id": record.imdb_id,
            "TMDB id": record.tmdb_id,
        }
        given = [(kind, external_id) for kind, external_id in ids.items() if external_id is not None]
        for kind, external_id in given:
            if first := self._lines.get((kind, external_id)):
                raise BadCell(f"the {kind} {external_id} was already on line {first}")
        self._lines.update(dict.fromkeys(given, line))


def unrepeated(
    rows: Iterable[Row | RejectedRow], record: Callable[[Row], TitleRecord]
) -> Iterator[TitleRecord | RejectedRow]:
    """The title that `record` makes of each row; a row it refuses, or whose id came before, is rejected."""
    repeats = Repeats()
    for row in rows:
        if isinstance(row, RejectedRow):
            yield row
            continue
        try:
            title = record(row)
            repeats.refuse_any(row.line, title)
        except BadCell as error:
            yield row.rejected(error)
        else:
            yield title
