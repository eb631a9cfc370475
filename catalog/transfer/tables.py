"""Titles, predictions and decisions as flat tables: CSV for spreadsheets, Parquet for notebooks, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from django.db.models import OuterRef, QuerySet, Subquery

from catalog.csv_safety import SafeCsvWriter
from catalog.models import Movie, ReviewDecision, Suggestion
from ml.files import replacing

from ._layout import Progress

if TYPE_CHECKING:
    from arro3.core import Array, RecordBatch, Schema

ColumnType = Literal["id", "text", "list", "integer", "float", "boolean", "time"]
NOT_NULL = ("id", "list")
# With a byte order mark, Excel reads a CSV file as UTF-8.
BYTE_ORDER_MARK = "\ufeff"
QUERY_ROWS = 1000
ROWS_AT_ONCE = 10_000

TITLES: dict[str, ColumnType] = {
    "id": "id",
    "imdb_id": "text",
    "tmdb_id": "integer",
    "movielens_id": "integer",
    "local_id": "text",
    "title": "text",
    "original_title": "text",
    "year": "integer",
    "franchise": "text",
    "genres": "list",
    "genre_origins": "list",
    "poster_source": "text",
    "poster_width": "integer",
    "poster_height": "integer",
    "poster_url": "text",
    "poster_page_url": "text",
    "page": "text",
}
PREDICTIONS: dict[str, ColumnType] = {
    "id": "id",
    "movie_id": "id",
    "imdb_id": "text",
    "tmdb_id": "integer",
    "title": "text",
    "year": "integer",
    "genre": "text",
    "score": "float",
    "threshold": "float",
    "sure": "boolean",
    "state": "text",
    "model_version": "integer",
    "suggested_at": "time",
    "decided_by": "text",
    "decided_at": "time",
    "tick": "boolean",
    "evidence": "list",
}
DECISIONS: dict[str, ColumnType] = {
    "id": "id",
    "decided_at": "time",
    "reviewer": "text",
    "verdict": "text",
    "movie_id": "id",
    "merged_into": "integer",
    "imdb_id": "text",
    "tmdb_id": "integer",
    "title": "text",
    "year": "integer",
    "genre": "text",
    "genre_before": "text",
    "suggestion_id": "integer",
    "score": "float",
    "threshold": "float",
    "sure": "boolean",
    "tick": "boolean",
    "model_version": "integer",
    "batch_id": "integer",
    "reverses": "integer",
    "reversed_by": "integer",
    "evidence": "list",
}


@dataclass(frozen=True)
class Table:
    """A flat table. columns: type by name; a `list` is of texts, a `time` an aware datetime. rows: a new
    iterator of tuples in that order; count: the number of rows."""

    name: str
    columns: dict[str, ColumnType]
    rows: Callable[[], Iterator[tuple[Any, ...]]]
    count: Callable[[], int]


def titles(movies: QuerySet[Movie] | None = None) -> Table:
    """A row for each of `movies`, by default for all that are not merged into another, with its poster."""
    selected = Movie.objects.order_by("pk") if movies is None else movies
    return Table("titles", TITLES, lambda: _titles(selected), selected.count)


def predictions() -> Table:
    """A row for each suggestion of a genre model, with who decided on it and when."""
    suggestions = Suggestion.objects.order_by("pk")
    return Table("predictions", PREDICTIONS, lambda: _predictions(suggestions), suggestions.count)


def decisions(selected: QuerySet[ReviewDecision] | None = None) -> Table:
    """A row for each of the decisions, by default for all, undone ones and the undoing of them included."""
    rows = ReviewDecision.objects.order_by("pk") if selected is None else selected
    return Table("decisions", DECISIONS, lambda: _decisions(rows), rows.count)


def _titles(movies: QuerySet[Movie]) -> Iterator[tuple[Any, ...]]:
    related = movies.prefetch_related(None).prefetch_related("movie_genres__genre", "posters")
    for movie in related.iterator(chunk_size=QUERY_ROWS):
        genres = sorted((row.genre.name, row.origin) for row in movie.movie_genres.all())
        poster = movie.primary_poster
        yield (
            movie.pk,
            movie.imdb_id,
            movie.tmdb_id,
            movie.movielens_id,
            movie.local_id,
            movie.title,
            movie.original_title or None,
            movie.year,
            movie.franchise or None,
            [name for name, _ in genres],
            [origin for _, origin in genres],
            poster and poster.source,
            poster and poster.width,
            poster and poster.height,
            poster and (poster.source_url or None),
            poster and (poster.page_url or None),
            movie.get_absolute_url(),
        )


def _predictions(suggestions: QuerySet[Suggestion]) -> Iterator[tuple[Any, ...]]:
    # A suggestion that was decided again after an undo has several decisions.
    standing = ReviewDecision.objects.filter(suggestion=OuterRef("pk"), reversal=None)
    standing = standing.exclude(verdict=ReviewDecision.Verdict.UNDONE).order_by("-pk")
    decided_by = Subquery(standing.values("reviewer__username")[:1])
    rows = suggestions.values_list(
        "pk",
        "movie",
        "movie__imdb_id",
        "movie__tmdb_id",
        "movie__title",
        "movie__year",
        "genre__name",
        "score",
        "threshold",
        "sure",
        "state",
        "model__version",
        "created_at",
        decided_by,
        "decided_at",
        "tick",
        "evidence",
    )
    for *values, parts in rows.iterator(chunk_size=QUERY_ROWS):
        yield (*values, parts.split(","))


def _decisions(selected: QuerySet[ReviewDecision]) -> Iterator[tuple[Any, ...]]:
    """One without a suggestion has no evidence, and neither score nor model."""
    rows = selected.select_related(None).prefetch_related(None)
    values = rows.values_list(
        "pk",
        "created_at",
        "reviewer__username",
        "verdict",
        "movie",
        "movie__merged_into",
        "movie__imdb_id",
        "movie__tmdb_id",
        "movie__title",
        "movie__year",
        "genre__name",
        "origin_before",
        "suggestion",
        "score",
        "threshold",
        "suggestion__sure",
        "suggestion__tick",
        "suggestion__model__version",
        "batch",
        "reverses",
        "reversal__pk",
        "suggestion__evidence",
    )
    for *others, parts in values.iterator(chunk_size=QUERY_ROWS):
        yield (*others, parts.split(",") if parts else [])


def csv_lines(table: Table) -> Iterator[str]:
    """The lines of the table as CSV. Lists are joined by `|`, times are in UTC.

    Texts that a spreadsheet would run as a formula begin with an apostrophe, see `csv_safety`.
    """
    line = _Line()
    writer = SafeCsvWriter(line)
    writer.writerow(table.columns)
    yield BYTE_ORDER_MARK + line.text
    for row in table.rows():
        writer.writerow(map(_cell, row))
        yield line.text


class _Line:
    """A file for csv.writer that holds only the last line."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return "|".join(value)
    if isinstance(value, datetime):
        return _text_of_time(value)
    return str(value).lower() if isinstance(value, bool) else value


def _text_of_time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def json_lines(table: Table) -> Iterator[str]:
    """The table as the lines of a JSON array of objects. Texts are not changed, times are in UTC."""
    before = "["
    for row in table.rows():
        values = (_text_of_time(value) if isinstance(value, datetime) else value for value in row)
        record = dict(zip(table.columns, values, strict=True))
        yield f"{before}\n{json.dumps(record, ensure_ascii=False)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def write_csv(table: Table, path: Path, progress: Progress) -> int:
    """Write the table to `path` atomically; returns the number of rows. Raises OSError."""
    return _write(csv_lines(table), table, path, progress)


def write_json(table: Table, path: Path, progress: Progress) -> int:
    """Write the table to `path` atomically; returns the number of rows. Raises OSError."""
    return _write(json_lines(table), table, path, progress)


def _write(lines: Iterable[str], table: Table, path: Path, progress: Progress) -> int:
    total = table.count()
    rows = -1  # without the header of CSV, or the end of JSON
    with replacing(path) as file:
        for line in lines:
            file.write(line.encode(errors="replace"))
            rows += 1
            if rows % ROWS_AT_ONCE == 0 or rows == total:
                progress(path.name, rows, total)
    return rows


def write_parquet(table: Table, path: Path, progress: Progress) -> int:
    """Write the table to `path` atomically; returns the number of rows. Raises OSError.

    Texts are not changed, lists are lists, times are in UTC with microseconds.
    """
    from arro3.core import RecordBatchReader
    from arro3.io import write_parquet as write

    schema = _schema(table)
    done, total = 0, table.count()

    def batches() -> Iterator[RecordBatch]:
        nonlocal done
        rows = table.rows()
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            yield _batch(batch, table, schema)
            done += len(batch)
            progress(path.name, done, total)

    with replacing(path) as file:
        reader = RecordBatchReader.from_batches(schema, batches())
        write(reader, file, compression="zstd(3)", max_row_group_size=ROWS_AT_ONCE)
    return done


def _schema(table: Table) -> Schema:
    from arro3.core import DataType, Field, Schema

    types = {
        "id": DataType.int64(),
        "text": DataType.utf8(),
        "list": DataType.list(Field("item", DataType.utf8(), nullable=True)),
        "integer": DataType.int64(),
        "float": DataType.float64(),
        "boolean": DataType.bool(),
        "time": DataType.timestamp("us", tz="UTC"),
    }
    return Schema(
        [Field(name, types[kind], nullable=kind not in NOT_NULL) for name, kind in table.columns.items()]
    )


def _batch(rows: list[tuple[Any, ...]], table: Table, schema: Schema) -> RecordBatch:
    from arro3.core import RecordBatch

    columns = zip(table.columns.items(), zip(*rows, strict=True), strict=True)
    arrays = [_array(list(values), kind, schema.field(name).type) for (name, kind), values in columns]
    return RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: list[Any], kind: ColumnType, dtype: Any) -> Array:
    from arro3.core import Array, DataType, list_array

    if kind == "list":
        ends = list(accumulate(map(len, values), initial=0))
        items = Array(list(chain.from_iterable(values)), type=DataType.utf8())
        return list_array(Array(ends, type=DataType.int32()), items, type=dtype)
    if kind == "time":
        times = [None if value is None else _microseconds(value) for value in values]
        return Array(times, type=DataType.int64()).cast(dtype)
    return Array(values, type=dtype)


def _microseconds(value: datetime) -> int:
    since = value - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
