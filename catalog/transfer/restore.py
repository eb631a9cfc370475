"""Restore an exported catalogue into an empty one, completely or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.db import DatabaseError, DataError, IntegrityError, connection, transaction
from django.db.models import BinaryField, Model
from django.utils import timezone

from catalog import search
from catalog.models import Embedding, Extractor, GenreModel, ImportedFile, Suggestion
from catalog.runs import lifecycle
from ml.genres.head_file import manifest_path

from . import _layout
from ._columns import TABLES, AnyField, exported_name, fields_of, file_fields_of, from_json
from ._layout import Progress
from ._reading import Export, check_tables, open_export
from ._staging import Staging, staging
from .errors import RestoreError
from .snapshot import has_unapplied_migrations

ROWS_AT_ONCE = 500
SPARE_BYTES = 50 * 1024 * 1024
# A site without movies may have rows of these: bundled genre models, and files that contained no movies.
REPLACED = (GenreModel, Extractor, ImportedFile)


@dataclass
class Restored:
    """What was restored. accounts: names of those that were created; absent: number of pictures and weights
    that were not in the export; left_out: those in it that are damaged."""

    rows: dict[str, int] = field(default_factory=dict)
    accounts: list[str] = field(default_factory=list)
    absent: int = 0
    left_out: list[str] = field(default_factory=list)


def restore_catalogue(
    folder: Path,
    *,
    trusted: bool = False,
    leave_out_damaged: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> Restored:
    """Read the export in `folder` into this catalogue, which must be empty. Ids do not change.

    Digests of all files and all values are checked, and all pictures decoded unless the folder is `trusted`.
    A damaged picture or weights file stops the restore, or is left out on request: its row is restored, and
    `check_catalogue --mend` fetches the picture again. Accounts are found by name; missing ones are created
    inactive, without permissions and password.

    Raises RestoreError. Database and folders are then as they were.
    """
    if has_unapplied_migrations():
        raise RestoreError(
            "The database is not up to date: run `manage.py setup` first, with POSTERSITE_SAMPLE=0.",
            "not_migrated",
        )
    _check_empty()
    restored = Restored()
    try:
        export = open_export(folder)
        check_tables(export, progress)
        with staging(export) as stage, ExitStack() as undo:
            _check_space(export, stage)
            restored.absent = len(stage.absent)
            restored.left_out = stage.copy_files(trusted, leave_out_damaged, progress)
            with transaction.atomic():
                _check_empty()
                for model in REPLACED:
                    model._base_manager.all().delete()
                accounts = _accounts(export, restored)
                for name in filter(export.rows.__contains__, TABLES):
                    _load_table(name, export, accounts, stage, progress)
                    restored.rows[name] = export.rows[name]
                _finish()
                stage.move_into_place(undo)
            undo.pop_all()
    except OSError as error:
        raise RestoreError(f"{error.filename or folder}: {error.strerror or error}.", "io") from error
    except DatabaseError as error:
        raise RestoreError(f"The database refused the catalogue: {str(error).strip()}", "invalid") from error
    return restored


def _check_empty() -> None:
    counts = {
        str(model._meta.verbose_name_plural): model._base_manager.count()
        for model in TABLES.values()
        if model not in REPLACED
    }
    counts["trained genre models"] = GenreModel.objects.filter(shipped=False).count()
    present = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    if present:
        raise RestoreError(
            f"This catalogue is not empty: it has {present}. Restore into a new one: set POSTERSITE_VAR to a "
            "new folder (or DATABASE_URL to an empty database) and POSTERSITE_SAMPLE=0, run "
            "`manage.py setup`, and restore there.",
            "not_empty",
        )
    live = lifecycle.live_runs().first()
    if live is not None:
        raise RestoreError(f"{live} is not finished: wait or cancel it, then stop the site.", "busy")


def _check_space(export: Export, stage: Staging) -> None:
    needed, free = export.bytes + SPARE_BYTES, shutil.disk_usage(stage.media).free
    if needed > free:
        raise RestoreError(
            f"The catalogue needs about {needed / 1e6:,.0f} MB, and the disk of {stage.media} has "
            f"{free / 1e6:,.0f} MB free.",
            "no_space",
        )


def _accounts(export: Export, restored: Restored) -> dict[str, int]:
    """Ids of the accounts in the export by name. Missing ones are created."""
    model = get_user_model()
    column = model._meta.get_field(model.USERNAME_FIELD)
    accounts: dict[str, int] = {}
    for number, row in export.lines(_layout.PEOPLE):
        try:
            name = from_json(column, row["username"], {})  # type: ignore[arg-type]
        except ValidationError as error:
            raise _invalid(_layout.PEOPLE, number, "username", error) from error
        account = model._default_manager.filter(**{model.USERNAME_FIELD: name}).first()
        if account is None:
            account = model(**{model.USERNAME_FIELD: name}, is_active=False)
            account.set_unusable_password()
            account.save()
            restored.accounts.append(name)
        accounts[name] = account.pk
    return accounts


def _load_table(
    name: str, export: Export, accounts: Mapping[str, int], stage: Staging, progress: Progress
) -> None:
    model = TABLES[name]
    rows = _rows(name, export, accounts, stage)
    if model is Embedding:
        rows = _with_vectors(rows, export)
    columns: list[AnyField] = list(model._meta.concrete_fields)
    quote = connection.ops.quote_name
    # Not with bulk_create, which would set auto_now dates to the present.
    insert = "INSERT INTO {} ({}) VALUES ({})".format(  # noqa: S608  names of our own tables and columns
        quote(model._meta.db_table),
        ", ".join(quote(str(column.column)) for column in columns),
        ", ".join(["%s"] * len(columns)),
    )
    done = 0
    with connection.cursor() as cursor:
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            try:
                cursor.executemany(
                    insert,
                    [[col.get_db_prep_save(row[col.name], connection) for col in columns] for row in batch],
                )
            except (IntegrityError, DataError, ValueError, OverflowError) as error:
                lines = f"lines {done + 1} to {done + len(batch)}"
                raise RestoreError(
                    f"{_layout.table_file(name)}, {lines}: {str(error).strip()}", "invalid"
                ) from error
            done += len(batch)
            progress(name.replace("_", " "), done, export.rows[name])


def _rows(name: str, export: Export, accounts: Mapping[str, int], stage: Staging) -> Iterator[dict[str, Any]]:
    """The rows of a table, validated, with defaults for columns that the export does not have."""
    model = TABLES[name]
    given = [column for column in fields_of(model) if exported_name(column) in export.fields[name]]
    defaults = {
        column.name: _default(column, name) for column in model._meta.concrete_fields if column not in given
    }
    for number, line in export.lines(name):
        row = dict(defaults)
        for column in given:
            try:
                row[column.name] = from_json(column, line[exported_name(column)], accounts)
            except ValidationError as error:
                raise _invalid(name, number, exported_name(column), error) from error
        if model is Suggestion and not row["evidence_digest"]:
            # Exports of earlier versions have suggestions from posters alone.
            row["evidence_digest"] = row["poster_sha256"]
        try:
            if model is GenreModel:
                GenreModel(**{key: row[key] for key in GenreModel.LISTS}).clean()
            for file in _files(model, row):
                stage.use(file)
        except (ValidationError, RestoreError) as error:
            raise _invalid(name, number, "", error) from error
        yield row


def _invalid(table: str, number: int, column: str, error: Exception) -> RestoreError:
    where = f"{_layout.table_file(table)}, line {number}{f', {column}' if column else ''}"
    why = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
    return RestoreError(f"{where}: {why}", "invalid")


def _default(column: AnyField, table: str) -> Any:
    """The value of a column that was added after the export was made."""
    if getattr(column, "auto_now", False) or getattr(column, "auto_now_add", False):
        return timezone.now()
    if column.null or isinstance(column, BinaryField):
        return None
    if column.has_default() or (column.blank and column.empty_strings_allowed):
        return column.get_default()
    raise RestoreError(f"This export is too old: its {table} have no {column.name}.", "version")


def _files(model: type[Model], row: dict[str, Any]) -> Iterator[str]:
    for column in file_fields_of(model):
        if name := row[column.name]:
            if not name.startswith(f"{column.upload_to}/"):  # type: ignore[attr-defined]
                raise RestoreError(f"{name[:80]!r} is not in the folder of {column.name}.", "invalid")
            yield f"media/{name}"
    if model is GenreModel:
        weights = Path(row["weights_file"])
        yield f"models/{weights}"
        yield f"models/{manifest_path(weights)}"


def _with_vectors(rows: Iterator[dict[str, Any]], export: Export) -> Iterator[dict[str, Any]]:
    """Rows of embeddings with their vectors. Both are ordered by extractor and then by id."""
    dims = dict(Extractor.objects.values_list("pk", "dims"))
    for extractor, group in groupby(rows, itemgetter("extractor")):
        vectors = export.vectors(extractor, dims.get(extractor, 0))
        number = 0
        for number, row in enumerate(group, start=1):
            vector = vectors[number - 1 : number]
            if len(vector) == 0 or not np.isfinite(vector).all():
                raise RestoreError(
                    f"Vector {number} of extractor {extractor} is missing or not finite.", "invalid"
                )
            yield {**row, "vector": vector.tobytes()}
        if number != len(vectors):
            raise RestoreError(
                f"Extractor {extractor} has {len(vectors)} vectors for {number} rows.", "invalid"
            )


def _finish() -> None:
    """Check all references, index movies for search, and let new ids follow the restored ones."""
    try:
        connection.check_constraints(table_names=[model._meta.db_table for model in TABLES.values()])
    except IntegrityError as error:
        raise RestoreError(f"A reference leads nowhere: {str(error).strip()}", "invalid") from error
    search.index()
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(TABLES.values())):
            cursor.execute(statement)
