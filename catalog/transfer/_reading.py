"""Read the folder of an export without trusting it: manifest, list of digests, rows and vectors."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ml.files import UNREADABLE_ARRAYS, file_sha256

from . import _layout
from ._columns import OPTIONAL_TABLES, TABLES, exported_name, fields_of
from ._layout import Progress
from .errors import RestoreError

LARGEST_MANIFEST = 4 * 1024 * 1024
LONGEST_LINE = 16 * 1024 * 1024
DTYPE = np.dtype("<f2")
COPY_AGAIN = "it is damaged or was changed. Copy the export again, or use another one."


class ListedFile(NamedTuple):
    """A line of SHA256SUMS: the digest of a file when it was exported, and its name in the export."""

    sha256: str
    name: str


@dataclass(frozen=True)
class Export:
    """A folder with a valid manifest.

    fields: the columns of each table; rows: its number of rows; extractors: ids of those with vectors; files,
    bytes: their number and size.
    """

    folder: Path
    fields: dict[str, list[str]]
    rows: dict[str, int]
    extractors: set[int]
    files: int
    bytes: int

    def listed(self) -> Iterator[ListedFile]:
        """The files listed in SHA256SUMS. Raises RestoreError for an invalid line."""
        with (self.folder / _layout.SUMS).open(encoding="utf-8", errors="replace") as file:
            while line := file.readline(1000):
                sha256, _, name = line.removesuffix("\n").partition("  ")
                if not _layout.is_safe(name):
                    raise RestoreError(f"{_layout.SUMS} lists {name[:80]!r}, which no export has.", "invalid")
                yield ListedFile(sha256, name)

    def path(self, name: str) -> Path:
        """The path of a file of the export. Raises RestoreError unless it is a plain file in the folder."""
        path = self.folder / name
        if os.path.realpath(path) != str(path) or not path.is_file():
            raise RestoreError(f"{path} is missing, a link or not a plain file.", "damaged")
        return path

    def lines(self, table: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rows of a table with their line numbers. Raises RestoreError for an invalid line."""
        name = _layout.table_file(table)
        columns = set(self.fields[table])
        number = 0
        with self.path(name).open("rb") as file:
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                try:
                    if len(line) > LONGEST_LINE:
                        raise ValueError("the line is too long")
                    row = _json(line)
                    if not isinstance(row, dict) or row.keys() != columns:
                        raise ValueError("the columns are not those in the manifest")
                except (ValueError, RecursionError) as error:
                    raise RestoreError(f"{name}, line {number}: {error}.", "invalid") from error
                yield number, row
        if number != self.rows[table]:
            raise RestoreError(f"{name} has {number} rows instead of {self.rows[table]}.", "invalid")

    def vectors(self, extractor: int, dims: int) -> np.ndarray:
        """The vectors of an extractor, float16, shape (n, dims), read from disk as they are used.

        Raises RestoreError for a file that is not such an array. Nothing is unpickled.
        """
        if extractor not in self.extractors:
            raise RestoreError(f"The export has no vectors of extractor {extractor}.", "invalid")
        path = self.path(_layout.vectors_file(extractor))
        try:
            vectors = np.load(path, mmap_mode="r", allow_pickle=False)
            if vectors.dtype != DTYPE or vectors.shape[1:] != (dims,) or not vectors.flags.c_contiguous:
                raise ValueError(f"{vectors.dtype} of shape {vectors.shape} instead of float16 × {dims}")
            if path.stat().st_size != vectors.offset + vectors.nbytes:
                raise ValueError("its length does not match its header")
        except (*UNREADABLE_ARRAYS, AttributeError, RecursionError) as error:
            raise RestoreError(f"{path} is not a file of vectors: {error}.", "invalid") from error
        return vectors.view(np.ndarray)


def open_export(folder: Path) -> Export:
    """The export in `folder`, with a valid manifest and the list of files that belongs to it.

    Raises RestoreError for a folder without an export, or with one of a later version.
    """
    folder = folder.resolve()
    manifest = _manifest(folder)
    version = manifest.get("version")
    if version != _layout.VERSION or isinstance(version, bool):
        raise RestoreError(
            f"{folder} has format version {version!r}, and this version of Postersite reads version "
            f"{_layout.VERSION}: restore with the version that made it ({manifest.get('made_by')!r}).",
            "version",
        )
    try:
        tables = {
            name: manifest["tables"][name]
            for name in (_layout.PEOPLE, *TABLES)
            if name in manifest["tables"] or name not in OPTIONAL_TABLES
        }
        export = Export(
            folder,
            {name: [str(column) for column in table["fields"]] for name, table in tables.items()},
            {name: _count(table["rows"]) for name, table in tables.items()},
            {_count(int(extractor)) for extractor in manifest["vectors"]},
            _count(manifest["files"]),
            _count(manifest["bytes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RestoreError(f"{folder / _layout.MANIFEST} is damaged: {error!r}.", "damaged") from error
    _check_columns(export, manifest.get("made_by"))
    if file_sha256(export.path(_layout.SUMS)) != manifest.get("sha256sums"):
        raise RestoreError(f"{folder / _layout.SUMS} is not as it was exported: {COPY_AGAIN}", "damaged")
    return export


def check_tables(export: Export, progress: Progress) -> None:
    """Compare every file except pictures and weights with its digest. Raises RestoreError if one differs."""
    needed = {_layout.MISSING, *(_layout.table_file(name) for name in export.fields)}
    needed |= {_layout.vectors_file(extractor) for extractor in export.extractors}
    total = len(needed)
    for listed in export.listed():
        if listed.name in needed:
            needed.remove(listed.name)
            check_digest(listed, file_sha256(export.path(listed.name)))
            progress("checking tables", total - len(needed), total)
    if needed:
        raise RestoreError(f"The export lacks {', '.join(sorted(needed))}: {COPY_AGAIN}", "damaged")


def check_digest(listed: ListedFile, sha256: str) -> None:
    if sha256 != listed.sha256:
        raise RestoreError(f"{listed.name} is not as it was exported: {COPY_AGAIN}", "damaged")


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / _layout.MANIFEST
    try:
        with path.open("rb") as file:
            manifest = _json(file.read(LARGEST_MANIFEST + 1))
    except FileNotFoundError as error:
        raise RestoreError(
            f"{folder} has no {_layout.MANIFEST}: name the folder that `manage.py export_catalogue` wrote.",
            "not_an_export",
        ) from error
    except (ValueError, RecursionError) as error:
        raise RestoreError(f"{path} is damaged: {error}.", "damaged") from error
    if not isinstance(manifest, dict) or manifest.get("format") != _layout.FORMAT:
        raise RestoreError(f"{path} does not describe an export of Postersite.", "not_an_export")
    return manifest


def _check_columns(export: Export, made_by: Any) -> None:
    for name, columns in export.fields.items():
        known = {"username"} if name == _layout.PEOPLE else set(map(exported_name, fields_of(TABLES[name])))
        if unknown := sorted(set(columns) - known):
            raise RestoreError(
                f"This version of Postersite does not know the columns {', '.join(unknown)} of {name}: "
                f"restore with the version that made the export ({made_by!r}) or a later one.",
                "version",
            )


def _json(text: bytes) -> Any:
    """The JSON value in `text`. Raises ValueError for anything else, RecursionError for deep nesting."""
    return json.loads(text, parse_constant=_not_json, parse_float=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large")
    return number


def _not_json(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a number")
    return value
