"""Export the whole catalogue to a folder: tables, vectors, pictures, genre models and their digests."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.db.models import F, QuerySet, Sum
from numpy.lib import format as npy

from catalog import shared_files
from catalog.models import Embedding, Extractor, GenreModel
from ml.files import file_sha256
from ml.genres.head_file import manifest_path
from ml.imaging.images import sha256_hex

from . import _layout
from ._columns import TABLES, AnyField, exported_name, fields_of, file_fields_of, is_account, to_json
from ._layout import Progress
from ._reading import DTYPE
from .errors import ExportError
from .snapshot import has_unapplied_migrations, snapshot

ROWS_AT_ONCE = 1000
PROGRESS_EVERY = 500
# The average length of a row's line, to estimate the space that an export needs.
BYTES_PER_ROW = 400
SPARE_BYTES = 50 * 1024 * 1024
# How a picture or weights file is read, by its name in the export.
StoredFile = tuple[str, Callable[[], bytes]]


@dataclass
class Exported:
    """What was exported. missing: number of files that could not be read; invalid_vectors: those left out."""

    folder: Path
    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0
    missing: int = 0
    invalid_vectors: int = 0


def export_catalogue(folder: Path, progress: Progress = lambda what, done, total: None) -> Exported:
    """Write the catalogue as it is at one moment to `folder`, which must be empty or not exist.

    The site may be running. Memory does not grow with the catalogue. The same catalogue gives the same
    bytes. Until the export is complete, the folder is called `folder`.partial. Pictures and weights that
    cannot be read are listed in it and left out, and so are vectors of the wrong length.

    Raises ExportError. Nothing is then left in the folder.
    """
    partial_folder = _checked(folder)
    try:
        partial_folder.mkdir(parents=True)
    except FileExistsError as error:
        raise ExportError(
            f"{partial_folder} belongs to another export. If none is running, delete it and export again.",
            "busy",
        ) from error
    except OSError as error:
        raise ExportError(f"{partial_folder} cannot be created: {error.strerror}.", "io") from error
    try:
        with snapshot():
            _check_space(partial_folder)
            exported = _Writer(partial_folder, Exported(folder), progress).write()
        os.sync()  # the export must survive a power failure
        partial_folder.rename(folder)
    except OSError as error:
        raise ExportError(
            f"{folder} cannot be written: {error.strerror or error}. Nothing was left there.", "io"
        ) from error
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    return exported


def _checked(folder: Path) -> Path:
    try:
        if folder.exists() and any(folder.iterdir()):
            raise ExportError(f"{folder} is not empty: name an empty folder or a new one.", "not_empty")
    except OSError as error:
        raise ExportError(f"{folder} cannot be read as a folder: {error.strerror}.", "io") from error
    if has_unapplied_migrations():
        raise ExportError("The database is not up to date: run `manage.py setup` first.", "not_migrated")
    return folder.absolute().with_name(f"{folder.absolute().name}.partial")


def _check_space(folder: Path) -> None:
    rows = sum(model._base_manager.count() for model in TABLES.values())
    numbers = Embedding.objects.aggregate(sum=Sum(F("extractor__dims")))["sum"] or 0
    needed = rows * BYTES_PER_ROW + numbers * DTYPE.itemsize + SPARE_BYTES
    for picture in _pictures():
        with suppress(OSError, SuspiciousFileOperation):
            needed += default_storage.size(picture)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ExportError(
            f"The export needs about {needed / 1e6:,.0f} MB, and the disk of {folder.parent} has "
            f"{free / 1e6:,.0f} MB free: free some space, or name a folder on another disk.",
            "no_space",
        )


def _pictures() -> Iterator[str]:
    """Names of all stored pictures. A picture that two rows share is repeated."""
    for model in TABLES.values():
        if columns := [column.name for column in file_fields_of(model)]:
            rows = model._base_manager.order_by("pk").values_list(*columns)
            for names in rows.iterator(chunk_size=ROWS_AT_ONCE):
                yield from filter(None, names)


def _stored_files() -> Iterator[StoredFile]:
    for picture in _pictures():
        yield f"media/{picture}", partial(_read_picture, picture)
    folder = Path(settings.MODELS_DIR)
    for weights in GenreModel.objects.order_by("pk").values_list("weights_file", flat=True):
        for name in (weights, manifest_path(Path(weights))):
            yield f"models/{name}", partial(_read_shared, folder / name)


def _read_shared(path: Path) -> bytes:
    return shared_files.fetched(path).read_bytes()


def _read_picture(name: str) -> bytes:
    with default_storage.open(name) as file:
        return bytes(file.read())


class _Writer:
    """An export while it is written."""

    def __init__(self, root: Path, exported: Exported, progress: Progress) -> None:
        self.root, self.exported, self.progress = root, exported, progress
        self.tables: dict[str, dict[str, Any]] = {}
        self.vectors: dict[str, dict[str, Any]] = {}
        self.accounts: dict[int, str] = {}
        self.sums: IO[str]

    def write(self) -> Exported:
        for name in ("tables", "embeddings", "media", "models"):
            (self.root / name).mkdir()
        with (self.root / _layout.SUMS).open("w", encoding="utf-8") as self.sums:
            (self.root / _layout.README).write_text(_layout.ABOUT, encoding="utf-8")
            self._list_file(_layout.README)
            for name, model in TABLES.items():
                if model is Embedding:
                    self._write_embeddings(name)
                else:
                    self._write_table(name, fields_of(model), model._base_manager.order_by("pk"))
            self._write_accounts()
            self._write_files()
        manifest = {
            "format": _layout.FORMAT,
            "version": _layout.VERSION,
            "made_by": f"Postersite {settings.VERSION}",
            "tables": self.tables,
            "vectors": self.vectors,
            "files": self.exported.files,
            "bytes": self.exported.bytes,
            "missing_files": self.exported.missing,
            "sha256sums": file_sha256(self.root / _layout.SUMS),
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False)
        (self.root / _layout.MANIFEST).write_text(f"{text}\n", encoding="utf-8")
        return self.exported

    def _list_file(self, name: str, sha256: str = "") -> None:
        path = self.root / name
        self.sums.write(f"{sha256 or file_sha256(path)}  {name}\n")
        self.exported.files += 1
        self.exported.bytes += path.stat().st_size

    def _list_table(self, name: str, fields: list[str], rows: int) -> None:
        file = _layout.table_file(name)
        self._list_file(file)
        self.exported.rows[name] = rows
        self.tables[name] = {"file": file, "rows": rows, "fields": fields}

    def _open(self, name: str) -> IO[str]:
        return (self.root / name).open("w", encoding="utf-8", newline="\n")

    def _line(self, fields: list[AnyField], values: tuple[Any, ...]) -> str:
        row = {
            exported_name(column): self._account(value) if is_account(column) else value
            for column, value in zip(fields, values, strict=False)
        }
        # Sorted, because PostgreSQL has its own order for the keys of a JSON column.
        text = json.dumps(
            row, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":"), default=to_json
        )
        return f"{text}\n"

    def _account(self, pk: int | None) -> str | None:
        if pk is None:
            return None
        if pk not in self.accounts:
            self.accounts[pk] = get_user_model()._default_manager.get(pk=pk).get_username()
        return self.accounts[pk]

    def _report(self, what: str, done: int, total: int) -> None:
        if done % PROGRESS_EVERY == 0 or done == total:
            self.progress(what, done, total)

    def _write_table(self, name: str, fields: list[AnyField], queryset: QuerySet[Any]) -> None:
        rows, total = 0, queryset.count()
        values = queryset.values_list(*(column.attname for column in fields))
        with self._open(_layout.table_file(name)) as file:
            for row in values.iterator(chunk_size=ROWS_AT_ONCE):
                file.write(self._line(fields, row))
                rows += 1
                self._report(name.replace("_", " "), rows, total)
        self._list_table(name, [exported_name(column) for column in fields], rows)

    def _write_embeddings(self, name: str) -> None:
        fields = fields_of(Embedding)
        columns = [*(column.attname for column in fields), "vector"]
        rows, total = 0, Embedding.objects.count()
        with self._open(_layout.table_file(name)) as lines:
            for pk, dims in Extractor.objects.order_by("pk").values_list("pk", "dims"):
                embeddings = Embedding.objects.filter(extractor=pk).order_by("pk").values_list(*columns)
                written = 0
                with (self.root / _layout.vectors_file(pk)).open("wb") as vectors:
                    _write_header(vectors, 0, dims)
                    for row in embeddings.iterator(chunk_size=ROWS_AT_ONCE):
                        if _is_valid(vector := bytes(row[-1]), dims):
                            vectors.write(vector)
                            lines.write(self._line(fields, row))
                            written += 1
                        rows += 1
                        self._report("vectors", rows, total)
                    # The header has the same length with the final number of rows.
                    vectors.seek(0)
                    _write_header(vectors, written, dims)
                self._list_file(_layout.vectors_file(pk))
                self.vectors[str(pk)] = {"rows": written, "dims": dims}
        exported = sum(each["rows"] for each in self.vectors.values())
        self.exported.invalid_vectors = rows - exported
        self._list_table(name, [exported_name(column) for column in fields], exported)

    def _write_accounts(self) -> None:
        names = sorted(self.accounts.values())
        with self._open(_layout.table_file(_layout.PEOPLE)) as file:
            file.writelines(f"{json.dumps({'username': name}, ensure_ascii=False)}\n" for name in names)
        self._list_table(_layout.PEOPLE, ["username"], len(names))

    def _write_files(self) -> None:
        """Copy pictures and weights, each once."""
        total = sum(model._base_manager.count() * len(file_fields_of(model)) for model in TABLES.values())
        missing: set[str] = set()
        with self._open(_layout.MISSING) as missing_names:
            for done, (name, read) in enumerate(_stored_files(), start=1):
                if not _layout.is_safe(name):
                    raise ExportError(
                        f"A row names the file {name!r}, which Postersite cannot have stored: correct it in "
                        "the database, and export again.",
                        "invalid",
                    )
                path = self.root / name
                if name not in missing and not path.exists():
                    try:
                        data = read()
                    except (OSError, SuspiciousFileOperation):
                        missing.add(name)
                        missing_names.write(f"{name}\n")
                    else:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(data)
                        self._list_file(name, sha256_hex(data))
                if done % PROGRESS_EVERY == 0:
                    self.progress("files", min(done, total), total)
        self.exported.missing = len(missing)
        self._list_file(_layout.MISSING)
        self.progress("files", total, total)


def _write_header(file: IO[bytes], rows: int, dims: int) -> None:
    header = {"descr": DTYPE.str, "fortran_order": False, "shape": (rows, dims)}
    npy.write_array_header_1_0(file, header)


def _is_valid(vector: bytes, dims: int) -> bool:
    """Whether a stored vector has `dims` numbers, all of them finite."""
    return len(vector) == dims * DTYPE.itemsize and bool(np.isfinite(np.frombuffer(vector, DTYPE)).all())
