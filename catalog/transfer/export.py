"""Write the whole catalogue to a folder: tables, vectors, pictures, genre models, a digest of each file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.db.models import F, Sum

from catalog.models import Embedding, Extractor, GenreModel
from ml.files import file_sha256
from ml.genres.head_file import manifest_path
from ml.imaging.images import sha256_hex

from . import layout
from .columns import TABLES, AnyField, fields_of, file_fields_of, names_a_person
from .errors import CannotExport
from .layout import Progress
from .snapshot import migrations_waiting, snapshot
from .values import PICTURE, WEIGHTS, to_json
from .vectors import DTYPE, VectorsFile, is_sound

ROWS_AT_ONCE = 1000
TOLD_EVERY = 500
# What a row takes as a line, on average; only for asking whether the disk has room.
BYTES_A_ROW = 400
SPARE_BYTES = 50 * 1024 * 1024


@dataclass
class Exported:
    """What was written. missing: files that could not be read; unsound: vectors that were left out."""

    folder: Path
    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0
    missing: int = 0
    unsound: int = 0


def export_catalogue(folder: Path, progress: Progress = lambda what, done, total: None) -> Exported:
    """Write the catalogue, as it is at one moment, to `folder`, which must be empty or not there yet.

    The site may go on meanwhile. Memory does not grow with the catalogue. The same catalogue gives the same
    bytes. Until all is written, the folder is called `folder`.partial. Pictures and weights that cannot be
    read are listed in it and left out, as are vectors of the wrong length.

    Raises CannotExport, and then leaves nothing behind.
    """
    partial = _checked(folder)
    try:
        partial.mkdir(parents=True)
    except FileExistsError as error:
        raise CannotExport(
            f"{partial} is left of an export that was interrupted, or of one that goes on: delete it, unless "
            "one goes on, and export again."
        ) from error
    except OSError as error:
        raise CannotExport(f"{partial} cannot be made: {error.strerror}.") from error
    try:
        with snapshot():
            _check_room(partial)
            written = _Writing(partial, Exported(folder), progress).all()
        os.sync()  # a backup that a power cut can still take is none
        partial.rename(folder)
    except OSError as error:
        raise CannotExport(
            f"{folder} cannot be written: {error.strerror or error}. Nothing was left there."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return written


def _checked(folder: Path) -> Path:
    with suppress(FileNotFoundError):
        try:
            if any(folder.iterdir()):
                raise CannotExport(
                    f"{folder} is not empty: name a folder that is, or one that is not there yet."
                )
        except NotADirectoryError as error:
            raise CannotExport(f"{folder} is a file: name a folder.") from error
        except PermissionError as error:
            raise CannotExport(f"{folder} cannot be looked into: {error.strerror}.") from error
    if migrations_waiting():
        raise CannotExport("The database is not of this version yet: run `manage.py setup` first.")
    return folder.absolute().with_name(f"{folder.absolute().name}.partial")


def _check_room(partial: Path) -> None:
    rows = sum(model._base_manager.count() for model in TABLES.values())
    numbers = Embedding.objects.aggregate(sum=Sum(F("extractor__dims")))["sum"] or 0
    needed = rows * BYTES_A_ROW + numbers * DTYPE.itemsize + sum(_sizes()) + SPARE_BYTES
    free = shutil.disk_usage(partial).free
    if needed > free:
        raise CannotExport(
            f"The export needs about {_megabytes(needed)}, and the disk of {partial.parent} has "
            f"{_megabytes(free)} free: free some, or name a folder on another disk."
        )


def _sizes() -> Iterator[int]:
    for name in _pictures():
        with suppress(OSError, SuspiciousFileOperation):
            yield default_storage.size(name)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def _pictures() -> Iterator[str]:
    """Names of all stored pictures, as often as they are used: two movies may share one."""
    for model in TABLES.values():
        columns = [column.name for column in file_fields_of(model)]
        if columns:
            rows = model._base_manager.order_by("pk").values_list(*columns)
            for names in rows.iterator(chunk_size=ROWS_AT_ONCE):
                yield from filter(None, names)


class _Writing:
    """One export while it is written; the list of digests grows along."""

    def __init__(self, root: Path, exported: Exported, progress: Progress) -> None:
        self.root, self.exported, self.progress = root, exported, progress
        self.tables: dict[str, dict[str, Any]] = {}
        self.vectors: dict[str, dict[str, Any]] = {}
        self.people: dict[int, str] = {}
        self.sums: IO[str]

    def all(self) -> Exported:
        for name in ("tables", "embeddings", "media", "models"):
            (self.root / name).mkdir()
        with (self.root / layout.SUMS).open("w", encoding="utf-8") as self.sums:
            (self.root / layout.README).write_text(layout.ABOUT, encoding="utf-8")
            self._note(layout.README)
            for name, model in TABLES.items():
                if model is Embedding:
                    self._embeddings(name)
                else:
                    self._table(name, fields_of(model), model._base_manager.order_by("pk"))
            self._people()
            self._files()
        manifest = {
            "format": layout.FORMAT,
            "version": layout.VERSION,
            "made_by": f"Postersite {settings.VERSION}",
            "tables": self.tables,
            "vectors": self.vectors,
            "files": self.exported.files,
            "bytes": self.exported.bytes,
            "missing_files": self.exported.missing,
            "sha256sums": file_sha256(self.root / layout.SUMS),
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False)
        (self.root / layout.MANIFEST).write_text(f"{text}\n", encoding="utf-8")
        return self.exported

    def _note(self, name: str, sha256: str = "") -> None:
        path = self.root / name
        self.sums.write(f"{sha256 or file_sha256(path)}  {name}\n")
        self.exported.files += 1
        self.exported.bytes += path.stat().st_size

    def _line(self, fields: list[AnyField], values: tuple[Any, ...]) -> str:
        for column, value in zip(fields, values, strict=False):
            if value is not None and names_a_person(column) and value not in self.people:
                self.people[value] = get_user_model()._default_manager.get(pk=value).get_username()
        row = {
            column.name: to_json(column, value, self.people)
            for column, value in zip(fields, values, strict=False)
        }
        # Sorted, because PostgreSQL keeps the keys of a JSON column in an order of its own.
        return json.dumps(row, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":"))

    def _counted(self, name: str, fields: list[str], rows: int) -> None:
        file = layout.table_file(name)
        self._note(file)
        self.exported.rows[name] = rows
        self.tables[name] = {"file": file, "rows": rows, "fields": fields}

    def _table(self, name: str, fields: list[AnyField], queryset: Any) -> None:
        rows, total = 0, queryset.count()
        with (self.root / layout.table_file(name)).open("w", encoding="utf-8", newline="\n") as file:
            values = queryset.values_list(*(column.attname for column in fields))
            for row in values.iterator(chunk_size=ROWS_AT_ONCE):
                file.write(f"{self._line(fields, row)}\n")
                rows += 1
                if rows % TOLD_EVERY == 0 or rows == total:
                    self.progress(name.replace("_", " "), rows, total)
        self._counted(name, [column.name for column in fields], rows)

    def _embeddings(self, name: str) -> None:
        fields = fields_of(Embedding)
        columns = [*(column.attname for column in fields), "vector"]
        rows, total = 0, Embedding.objects.count()
        with (self.root / layout.table_file(name)).open("w", encoding="utf-8", newline="\n") as file:
            for extractor in Extractor.objects.order_by("pk"):
                made = Embedding.objects.filter(extractor=extractor).order_by("pk").values_list(*columns)
                path = self.root / layout.vectors_file(extractor.pk)
                with VectorsFile(path, extractor.dims) as vectors:
                    for row in made.iterator(chunk_size=ROWS_AT_ONCE):
                        vector = bytes(row[-1])
                        if is_sound(vector, extractor.dims):
                            vectors.add(vector)
                            file.write(f"{self._line(fields, row)}\n")
                        else:
                            self.exported.unsound += 1
                        rows += 1
                        if rows % TOLD_EVERY == 0 or rows == total:
                            self.progress("vectors", rows, total)
                self._note(layout.vectors_file(extractor.pk))
                self.vectors[str(extractor.pk)] = {"rows": vectors.rows, "dims": vectors.dims}
        self._counted(name, [column.name for column in fields], rows - self.exported.unsound)

    def _people(self) -> None:
        names = sorted(self.people.values())
        lines = (json.dumps({"username": name}, ensure_ascii=False) for name in names)
        path = self.root / layout.table_file(layout.PEOPLE)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self._counted(layout.PEOPLE, ["username"], len(names))

    def _files(self) -> None:
        with (self.root / layout.MISSING).open("w", encoding="utf-8", newline="\n") as missing:
            for name, data in self._contents():
                if data is None:
                    missing.write(f"{name}\n")
                    self.exported.missing += 1
                    continue
                path = self.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                self._note(name, sha256_hex(data))
        self._note(layout.MISSING)

    def _contents(self) -> Iterator[tuple[str, bytes | None]]:
        """Every stored file once, by its name in the export; None for one that cannot be read."""
        total = sum(model._base_manager.count() * len(file_fields_of(model)) for model in TABLES.values())
        told_missing: set[str] = set()
        for done, picture in enumerate(_pictures(), start=1):
            name = f"media/{picture}"
            if not PICTURE.fullmatch(picture) or ".." in picture:
                raise CannotExport(
                    f"A row names the picture {picture!r}, which is no name that Postersite gives: correct "
                    "it in the database, and export again."
                )
            if name not in told_missing and not (self.root / name).exists():
                data = _read(picture)
                if data is None:
                    told_missing.add(name)
                yield name, data
            if done % TOLD_EVERY == 0:
                self.progress("files", done, total)
        for weights in GenreModel.objects.order_by("pk").values_list("weights_file", flat=True):
            if not WEIGHTS.fullmatch(weights):
                raise CannotExport(f"A genre model names the weights {weights!r}, which lie elsewhere.")
            for file in (Path(weights), manifest_path(Path(weights))):
                name = f"models/{file}"
                if name not in told_missing and not (self.root / name).exists():
                    data = None
                    with suppress(OSError):
                        data = (Path(settings.MODELS_DIR) / file).read_bytes()
                    if data is None:
                        told_missing.add(name)
                    yield name, data
        self.progress("files", total, total)


def _read(picture: str) -> bytes | None:
    try:
        with default_storage.open(picture) as file:
            return bytes(file.read())
    except (OSError, SuspiciousFileOperation):
        return None
