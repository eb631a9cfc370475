"""Titles from a folder of images and a CSV that labels them: films, or any other catalogue with images."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ml.csv_files.files import SourceFile
from ml.csv_files.rows import read_rows

from . import csv_file
from ._cells import InvalidCell, RepeatedRow, parse_local_id
from ._parsing import SeenIds
from .records import ReadOptions, RejectedRow, SourceError, TitleRecord

FILE = ("file", "filename", "file_name", "image", "path", "poster")


def read(
    directory: Path, labels_csv: Path | SourceFile, options: ReadOptions | None = None
) -> Iterator[TitleRecord | RejectedRow]:
    """Stream one title for each row of `labels_csv` whose image exists inside `directory`.

    The column `file` (or `filename`, `image`, `path`) is relative to `directory`. The other columns are those
    of `csv_file`, all optional: the title defaults to the file's name, the genres to a column `category`, and
    the local id to the relative path. Paths that leave the folder are rejected.

    Raises SourceError if the folder or the CSV is missing or the CSV has no column for the file.
    """
    if not directory.is_dir():
        raise SourceError(f"{directory} is not a folder; give the folder that contains the images")
    root = directory.resolve()
    options = options or ReadOptions()
    seen = SeenIds()
    for row in read_rows(labels_csv, [FILE], csv_file.KNOWN):
        if isinstance(row, RejectedRow):
            yield row
            continue
        try:
            image = find_image(root, row.cell(*FILE))
            relative = image.relative_to(root).as_posix()
            record = csv_file.parse_record(row, options, default_title=_title_from(image.stem))
            if not (record.imdb_id or row.cell(*csv_file.ID).strip()):
                record = replace(record, local_id=parse_local_id(relative, "file"))
            seen.add(record, file=relative)
        except InvalidCell as error:
            yield row.rejected(error, repeats=isinstance(error, RepeatedRow))
        else:
            yield replace(record, poster_path=image)


def find_image(root: Path, name: str) -> Path:
    """The existing file `name` inside `root`, with links resolved. Raises InvalidCell if there is none."""
    name = name.strip().replace("\\", "/")
    shown = name[:80]
    if not name:
        raise InvalidCell("the file is empty")
    relative = PurePosixPath(name)
    parts = relative.parts
    if not parts or relative.is_absolute() or ".." in parts or ":" in parts[0]:
        raise InvalidCell(f"the file {shown!r} is not a path inside the folder of images")
    try:
        image = (root / relative).resolve()
        exists = image.is_file()
    except (OSError, ValueError, RuntimeError):  # a name that is too long, a NUL, a loop of links
        raise InvalidCell(f"the file {shown!r} cannot be found") from None
    if not image.is_relative_to(root):
        raise InvalidCell(f"the file {shown!r} is a link that leaves the folder of images")
    if not exists:
        raise InvalidCell(f"the file {shown!r} is not in the folder of images")
    return image


def _title_from(stem: str) -> str:
    return " ".join(stem.replace("_", " ").split()) or stem
