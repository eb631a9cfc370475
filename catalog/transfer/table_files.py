"""Flat tables as CSV that a spreadsheet may open, and as Parquet for notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.csv_safety import SafeCsvWriter
from ml.files import replacing

from .tables import Kind, Sheet

if TYPE_CHECKING:
    from arro3.core import Array, RecordBatch, Schema

# Excel takes a CSV for one in the local code page unless it begins with this mark.
BYTE_ORDER_MARK = "\ufeff"
ROWS_AT_ONCE = 10_000
Progress = Callable[[str, int, int], object]


def csv_lines(sheet: Sheet) -> Iterator[str]:
    """The table as CSV, a line a piece: header first, lists joined by `|`, moments in UTC.

    A text that a spreadsheet would take for a formula gets an apostrophe before it, see `csv_safety`.
    """
    line = _Line()
    writer = SafeCsvWriter(line)
    writer.writerow(sheet.columns)
    yield BYTE_ORDER_MARK + line.text
    kinds = list(sheet.columns.values())
    for row in sheet.rows():
        writer.writerow([_cell(value, kind) for value, kind in zip(row, kinds, strict=True)])
        yield line.text


class _Line:
    """What csv.writer writes to: it holds the line that was written last."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def _cell(value: Any, kind: Kind) -> Any:
    if value is None:
        return ""
    if kind in ("text", "texts"):
        return "|".join(value) if kind == "texts" else value
    if kind == "moment":
        return _utc(value).isoformat(timespec="seconds").replace("+00:00", "Z")
    return str(value).lower() if kind == "yes" else value


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def write_csv(sheet: Sheet, path: Path, progress: Progress) -> int:
    """Write the table to `path`, whole or not at all; returns the number of rows. Raises OSError."""
    total = sheet.count()
    rows = -1  # the header is no row
    with replacing(path) as file:
        for line in csv_lines(sheet):
            file.write(line.encode(errors="replace"))
            rows += 1
            if rows % ROWS_AT_ONCE == 0 or rows == total:
                progress(path.name, rows, total)
    return rows


def write_parquet(sheet: Sheet, path: Path, progress: Progress) -> int:
    """Write the table to `path`, whole or not at all; returns the number of rows. Raises OSError.

    Texts are as they are in the catalogue, lists are lists, moments are UTC in microseconds.
    """
    from arro3.core import RecordBatchReader
    from arro3.io import write_parquet as write

    schema = _schema(sheet)
    done, total = 0, sheet.count()

    def batches() -> Iterator[RecordBatch]:
        nonlocal done
        rows = sheet.rows()
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            yield _batch(batch, sheet, schema)
            done += len(batch)
            progress(path.name, done, total)

    with replacing(path) as file:
        reader = RecordBatchReader.from_batches(schema, batches())
        write(reader, file, compression="zstd(3)", max_row_group_size=ROWS_AT_ONCE)
    return done


def _schema(sheet: Sheet) -> Schema:
    from arro3.core import DataType, Field, Schema

    text = DataType.utf8()
    types = {
        "id": DataType.int64(),
        "text": text,
        "texts": DataType.list(Field("item", text, nullable=True)),
        "number": DataType.int64(),
        "real": DataType.float64(),
        "yes": DataType.bool(),
        "moment": DataType.timestamp("us", tz="UTC"),
    }
    never_empty = ("id", "texts", "yes")
    return Schema(
        [Field(name, types[kind], nullable=kind not in never_empty) for name, kind in sheet.columns.items()]
    )


def _batch(rows: list[tuple[Any, ...]], sheet: Sheet, schema: Schema) -> RecordBatch:
    from arro3.core import RecordBatch

    columns = zip(*rows, strict=True)
    arrays = [
        _array(list(values), kind, schema.field(name).type)
        for (name, kind), values in zip(sheet.columns.items(), columns, strict=True)
    ]
    return RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: list[Any], kind: Kind, dtype: Any) -> Array:
    from arro3.core import Array, DataType, list_array

    if kind == "texts":
        ends = list(accumulate(map(len, values), initial=0))
        items = Array(list(chain.from_iterable(values)), type=DataType.utf8())
        return list_array(Array(ends, type=DataType.int32()), items, type=dtype)
    if kind == "moment":
        micros = [None if value is None else _micros(value) for value in values]
        return Array(micros, type=DataType.int64()).cast(dtype)
    return Array(values, type=dtype)


def _micros(value: datetime) -> int:
    since = value - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
