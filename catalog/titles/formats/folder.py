"""Titles from a folder of images and a CSV that labels them: films, or any other catalogue with pictures."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from . import title_rows
from ._cells import BadCell, local_id_in
from ._csv_rows import read_rows
from ._parsing import Repeats
from .files import SourceFile
from .options import Selection
from .records import RejectedRow, SourceError, TitleRecord

FILE = ("file", "filename", "file_name", "image", "path", "poster")


def read(
    directory: Path, labels_csv: Path | SourceFile, selection: Selection | None = None
) -> Iterator[TitleRecord | RejectedRow]:
    """Stream one title for each row of `labels_csv` whose image exists inside `directory`.

    The column `file` (or `filename`, `image`, `path`) is relative to `directory`. Everything else is as in
    `csv_file`, all optional: the title falls back to the file's name, the genres to a `category` column, and
    without an IMDb id or an `id` the relative path is the local id. A path that leaves the folder (absolute,
    `..`, a symbolic link out of it) is rejected.

    Raises SourceError when the folder or the CSV is missing or the CSV has no column for the file.
    """
    if not directory.is_dir():
        raise SourceError(f"{directory} is not a folder; give the folder that holds the images")
    root = directory.resolve()
    repeats = Repeats()
    for row in read_rows(labels_csv, [FILE], known=title_rows.KNOWN):
        if isinstance(row, RejectedRow):
            yield row
            continue
        try:
            image = image_inside(root, row.cell(*FILE))
            relative = image.relative_to(root).as_posix()
            record = title_rows.title_record(row, _spoken(image.stem), selection)
            if not (record.imdb_id or row.cell(*title_rows.ID).strip()):
                record = replace(record, local_id=local_id_in(relative, "file"))
            repeats.refuse_any(row.line, record, file=relative)
        except BadCell as error:
            yield row.rejected(error)
        else:
            yield replace(record, poster_path=image)


def image_inside(root: Path, name: str) -> Path:
    """The existing file `name` under `root`, links followed; raises BadCell when it is not inside."""
    name = name.strip().replace("\\", "/")
    shown = name[:80]
    if not name:
        raise BadCell("the file is empty")
    relative = PurePosixPath(name)
    parts = relative.parts
    if not parts or relative.is_absolute() or ".." in parts or ":" in parts[0]:
        raise BadCell(f"the file {shown!r} is not a path inside the folder of images")
    try:
        image = (root / relative).resolve()
        exists = image.is_file()
    except (OSError, ValueError, RuntimeError):  # too long a name, a NUL, a loop of links
        raise BadCell(f"the file {shown!r} cannot be found") from None
    if not image.is_relative_to(root):
        raise BadCell(f"the file {shown!r} is a link that leaves the folder of images")
    if not exists:
        raise BadCell(f"the file {shown!r} is not in the folder of images")
    return image


def _spoken(stem: str) -> str:
    return " ".join(stem.replace("_", " ").split()) or stem
