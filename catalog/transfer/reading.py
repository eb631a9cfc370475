"""Read an exported folder that nobody vouches for: what it says it holds, and whether that was written."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ml.files import file_sha256

from . import layout
from .columns import ADDED, TABLES, fields_of
from .errors import CannotRestore
from .layout import Progress
from .values import SHA256

LARGEST_MANIFEST = 4 * 1024 * 1024
LONGEST_LINE = 16 * 1024 * 1024
LARGEST_FILE = 64 * 1024 * 1024  # of pictures and weights, which are read whole
MOST_DIMS = 1_000_000
TOLD_EVERY = 500


@dataclass(frozen=True)
class Listed:
    """A file of the export: its name in it, and the SHA-256 that its bytes had when they were written."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Export:
    """A folder whose manifest and list of files are in order.

    fields: the columns of each table; rows: how many rows each has; dims: the length of the vectors of each
    extractor, by its id; vectors: how many there are of each.
    """

    folder: Path
    fields: dict[str, list[str]]
    rows: dict[str, int]
    dims: dict[int, int]
    vectors: dict[int, int]
    files: int

    def listed(self) -> Iterator[Listed]:
        """The files as SHA256SUMS lists them. Raises CannotRestore for a line that is none."""
        with (self.folder / layout.SUMS).open(encoding="utf-8", errors="replace") as file:
            number = 0
            while line := file.readline(1000):
                number += 1
                sha256, _, name = line.removesuffix("\n").partition("  ")
                if not (SHA256.fullmatch(sha256) and layout.is_safe(name) and line.endswith("\n")):
                    raise CannotRestore(
                        f"{layout.SUMS}, line {number}, names {name[:80]!r}, which no export holds."
                    )
                yield Listed(name, sha256)

    def opened(self, name: str) -> Path:
        """Where a file of the export lies. Raises CannotRestore unless it is a plain file right there."""
        path = self.folder / name
        try:
            if path.resolve() != path or not path.is_file():
                raise CannotRestore(f"{path} is a link or no file: an export holds plain files only.")
            os.stat(path)
        except (OSError, RuntimeError) as error:
            raise CannotRestore(f"{path} cannot be read: {error}") from error
        return path

    def lines(self, table: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rows of a table with their line numbers. Raises CannotRestore for one that is no row."""
        name = layout.table_file(table)
        columns = set(self.fields[table])
        number = 0
        with self.opened(name).open("rb") as file:
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                try:
                    if len(line) > LONGEST_LINE:
                        raise ValueError("it is too long")
                    row = json.loads(line, parse_constant=_no_number)
                    if not isinstance(row, dict) or row.keys() != columns:
                        raise ValueError("it has other columns than its table")
                except (ValueError, RecursionError) as error:
                    raise CannotRestore(f"{name}, line {number}, is no row: {error}.") from error
                yield number, row
        if number != self.rows[table]:
            raise CannotRestore(f"{name} has {number} rows, and the manifest says {self.rows[table]}.")


def open_export(folder: Path) -> Export:
    """The export in `folder`, its manifest checked, and the list of its files against the manifest.

    Raises CannotRestore with a sentence for a folder that holds none, or one of a later version.
    """
    folder = folder.resolve()
    manifest = _manifest(folder)
    if manifest.get("format") != layout.FORMAT:
        raise CannotRestore(f"{folder / layout.MANIFEST} describes no export of a catalogue.")
    version = manifest.get("version")
    if version != layout.VERSION or isinstance(version, bool):
        raise CannotRestore(
            f"{folder} is of format version {version!r}, and this Postersite reads version "
            f"{layout.VERSION}: restore with what made it ({manifest.get('made_by')!r}) or a later one."
        )
    export = _export(folder, manifest)
    try:
        sums = file_sha256(export.opened(layout.SUMS))
    except OSError as error:
        raise CannotRestore(f"{folder / layout.SUMS} cannot be read: {error.strerror}.") from error
    if sums != manifest.get("sha256sums"):
        raise CannotRestore(
            f"{folder / layout.SUMS} is not the list that the manifest was written with: the export is "
            "damaged. Copy it again, or take another."
        )
    return export


def check_tables(export: Export, progress: Progress) -> None:
    """Compare every file but pictures and weights with its digest. Raises CannotRestore if one differs."""
    needed = {layout.MISSING, *(layout.table_file(name) for name in export.fields)}
    needed |= {layout.vectors_file(extractor) for extractor in export.dims}
    total = len(needed)
    for listed in export.listed():
        if listed.name in needed:
            needed.remove(listed.name)
            path = export.opened(listed.name)
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != listed.sha256:
                    raise CannotRestore(f"{path} is not what was written: {damaged()}")
            progress("checking tables", total - len(needed), total)
    if needed:
        raise CannotRestore(f"The export lacks {', '.join(sorted(needed))}: {damaged()}")


def damaged() -> str:
    return "it was damaged or changed since. Copy the export again, or take another."


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / layout.MANIFEST
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_MANIFEST + 1)
        manifest = json.loads(text, parse_constant=_no_number)
    except FileNotFoundError as error:
        raise CannotRestore(
            f"{folder} holds no {layout.MANIFEST}: name the folder that `manage.py export_catalogue` wrote."
        ) from error
    except OSError as error:
        raise CannotRestore(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise CannotRestore(f"{path} is damaged: {error}.") from error
    if not isinstance(manifest, dict):
        raise CannotRestore(f"{path} describes no export of a catalogue.")
    return manifest


def _export(folder: Path, manifest: dict[str, Any]) -> Export:
    try:
        told = manifest["tables"]
        here = [name for name in (layout.PEOPLE, *TABLES) if name in told or name not in ADDED]
        tables = {name: told[name] for name in here}
        fields = {name: [str(each) for each in table["fields"]] for name, table in tables.items()}
        rows = {name: _count(table["rows"]) for name, table in tables.items()}
        vectors = {_count(int(key)): each for key, each in manifest["vectors"].items()}
        dims = {key: _count(each["dims"], most=MOST_DIMS) for key, each in vectors.items()}
        counts = {key: _count(each["rows"]) for key, each in vectors.items()}
        files = _count(manifest["files"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CannotRestore(
            f"{folder / layout.MANIFEST} is damaged or not of this version: {type(error).__name__} {error}."
        ) from error
    for name in tables:
        known = {"username"} if name == layout.PEOPLE else {each.name for each in fields_of(TABLES[name])}
        if later := sorted(set(fields[name]) - known):
            raise CannotRestore(
                f"The export has columns of {name} that this version does not know ({', '.join(later)}): "
                f"restore with the version that made it ({manifest.get('made_by')!r}) or a later one."
            )
    return Export(folder, fields, rows, dims, counts, files)


def _count(value: Any, most: int = 2**63 - 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"{value!r} is no count")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON")
