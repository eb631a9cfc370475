"""Put the rows of an export into the database as they were: ids, dates and all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.color import no_style
from django.db import DataError, IntegrityError, connection
from django.db.models import BinaryField, FileField, Model
from django.utils import timezone

from catalog import search
from catalog.models import Embedding, Extractor, GenreModel
from ml.genres.head_file import manifest_path

from . import layout
from .columns import TABLES, AnyField, fields_of
from .errors import CannotRestore
from .layout import Progress
from .reading import Export
from .staging import Staging
from .values import BadValue, from_json
from .vectors import read_vectors

ROWS_AT_ONCE = 500


def load_table(
    name: str, export: Export, people: Mapping[str, int], stage: Staging, progress: Progress
) -> None:
    """Check and insert all rows of one table; within a transaction. Raises CannotRestore, DatabaseError."""
    model = TABLES[name]
    checked = _rows(name, export, people, stage)
    rows = _with_vectors(checked, export) if model is Embedding else checked
    columns = list(model._meta.concrete_fields)
    done, total = 0, export.rows[name]
    quote = connection.ops.quote_name
    insert = "INSERT INTO {} ({}) VALUES ({})".format(  # noqa: S608  names of our own tables and columns
        quote(model._meta.db_table),
        ", ".join(quote(str(column.column)) for column in columns),
        ", ".join(["%s"] * len(columns)),
    )
    with connection.cursor() as cursor:
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            try:
                # Not through models: saving one would set its dates anew.
                cursor.executemany(insert, [_prepared(columns, row) for row in batch])
            except (IntegrityError, DataError, ValueError) as error:
                raise CannotRestore(
                    f"{layout.table_file(name)}, lines {done + 1} to {done + len(batch)}, do not fit: "
                    f"{str(error).strip()}"
                ) from error
            done += len(batch)
            progress(name.replace("_", " "), done, total)


def finish() -> None:
    """Check that all references lead somewhere, index movies for search, let new ids follow those restored.

    Raises CannotRestore for a reference that leads nowhere.
    """
    try:
        connection.check_constraints(table_names=[model._meta.db_table for model in TABLES.values()])
    except IntegrityError as error:
        raise CannotRestore(f"The rows of the export do not fit each other: {str(error).strip()}") from error
    search.index()
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(TABLES.values())):
            cursor.execute(statement)


def _prepared(columns: list[AnyField], row: dict[str, Any]) -> list[Any]:
    return [column.get_db_prep_save(row[column.name], connection=connection) for column in columns]


def _rows(name: str, export: Export, people: Mapping[str, int], stage: Staging) -> Iterator[dict[str, Any]]:
    model = TABLES[name]
    told = {column.name: column for column in fields_of(model)}
    given = [told[each] for each in export.fields[name]]
    absent = [column for column in model._meta.concrete_fields if column not in given]
    for number, line in export.lines(name):
        row = {column.name: _absent(column, name) for column in absent}
        for column in given:
            try:
                row[column.name] = from_json(column, line[column.name], people)
            except BadValue as error:
                raise CannotRestore(
                    f"{layout.table_file(name)}, line {number}: {column.name} {error}."
                ) from error
        try:
            _check_row(model, row)
            for file in _files(model, row):
                stage.use(file)
        except (BadValue, CannotRestore) as error:
            raise CannotRestore(f"{layout.table_file(name)}, line {number}: {error}") from error
        yield row


def _absent(column: AnyField, table: str) -> Any:
    """What a column gets that the export does not have: it was made before there was that column."""
    if getattr(column, "auto_now", False) or getattr(column, "auto_now_add", False):
        return timezone.now()
    if column.null or isinstance(column, BinaryField):
        return None
    if column.has_default() or (column.blank and column.empty_strings_allowed):
        return column.get_default()
    raise CannotRestore(f"The export was made by an earlier version: its {table} have no {column.name}.")


def _files(model: type[Model], row: dict[str, Any]) -> Iterator[str]:
    for column in model._meta.concrete_fields:
        if isinstance(column, FileField) and row[column.name]:
            yield f"media/{row[column.name]}"
    if model is GenreModel:
        yield f"models/{row['weights_file']}"
        yield f"models/{manifest_path(Path(row['weights_file']))}"


def _check_row(model: type[Model], row: dict[str, Any]) -> None:
    """What the database cannot see: lists of a genre model that must be as long as each other."""
    if model is GenreModel:
        lengths = {len(row["genres"]), len(row["thresholds"]), len(row["sure_thresholds"] or row["genres"])}
        if len(lengths) > 1:
            raise BadValue("it has thresholds for more or fewer genres than it names.")


def _with_vectors(rows: Iterator[dict[str, Any]], export: Export) -> Iterator[dict[str, Any]]:
    """Each row with its vector from the extractor's file: both are in the same order."""
    known = dict(Extractor.objects.values_list("pk", "dims"))
    for extractor, dims in export.dims.items():
        if known.get(extractor) != dims:
            raise CannotRestore(
                f"The export has vectors of {dims} numbers for extractor {extractor}, and its table says "
                f"{known.get(extractor, 'there is none')}."
            )
    vectors: Iterator[bytes] = iter(())
    left = dict(export.dims)
    current = 0
    for row in rows:
        if row["extractor"] != current:
            _check_ended(vectors, current)
            current = row["extractor"]
            if current not in left:
                raise CannotRestore(f"The rows of embeddings are not ordered by extractor ({current}).")
            vectors = read_vectors(export.opened(layout.vectors_file(current)), left.pop(current))
        vector = next(vectors, None)
        if vector is None:
            raise CannotRestore(f"{layout.vectors_file(current)} has fewer vectors than rows.")
        yield {**row, "vector": vector}
    _check_ended(vectors, current)


def _check_ended(vectors: Iterator[bytes], extractor: int) -> None:
    if next(vectors, None) is not None:
        raise CannotRestore(f"{layout.vectors_file(extractor)} has more vectors than rows.")
