"""Reading the CSV of a labelled set. It is untrusted: unusable rows are skipped, with a reason."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import numpy.typing as npt

from ml.csv_files.files import SourceError, SourceFile
from ml.csv_files.rows import RejectedRow, Row, columns_in, first_line, read_rows

REQUIRED = ("file", "genres")
OPTIONAL = ("series", "imdb_id", "tmdb_id", "title", "year", "overview", "language", "text_only")
NO_GENRES = "(no genres listed)"

MAX_GENRES = 200
MAX_GENRE_LENGTH = 60
MAX_GENRES_A_POSTER = 50
MAX_TITLE_LENGTH = 500
# As the catalogue keeps it; genre models read less.
MAX_OVERVIEW_LENGTH = 10_000
FIRST_YEAR, LAST_YEAR = 1870, 2100
_YES, _NO = frozenset(("1", "true", "yes", "y")), frozenset(("0", "false", "no", "n"))


@dataclass(frozen=True)
class LabelledPoster:
    """One usable row.

    `movie` and `series` are equal for posters of one movie or franchise. title, overview and language are as
    written. All five are "" if unknown; text_only is None where the CSV does not say.
    """

    line: int
    file: str
    path: Path
    genres: tuple[str, ...]
    series: str = ""
    movie: str = ""
    year: int | None = None
    title: str = ""
    overview: str = ""
    language: str = ""
    text_only: bool | None = None


@dataclass(frozen=True)
class RowNote:
    """A note about one row: the line of the CSV it starts on, its file as written, and the reason."""

    line: int
    file: str
    reason: str


@dataclass(frozen=True)
class LabelledSet:
    """The content of a CSV: usable posters, rows left out, remarks about rows kept, unknown columns.

    `sha256` is that of the file; `rows` counts all rows below the header.
    """

    posters: tuple[LabelledPoster, ...]
    left_out: tuple[RowNote, ...]
    remarks: tuple[RowNote, ...]
    ignored_columns: tuple[str, ...]
    rows: int
    sha256: str


class LabelledSetError(ValueError):
    """The labelled set cannot be used; the message says what to do."""


class _BadRow(ValueError):
    """A row cannot be used; the message is the reason."""


def read_labelled_set(listing: Path, images: Path) -> LabelledSet:
    """Read the CSV `listing`, whose `file` column names pictures inside the folder `images`.

    Columns: `file` and `genres` (separated by pipes, or else by commas inside the cell), and where there are
    any `series`, `imdb_id`, `tmdb_id`, `title`, `year`, `overview`, `language` (ISO 639-1 or the English
    name) and `text_only` (yes or no); others are listed in `ignored_columns`. A row is left out, with its
    line and the reason, if it has no genre or no picture, if its file name leaves the folder, or if it
    repeats a file.
    Genres that differ only in case are one, spelt as in most rows.

    Raises LabelledSetError if the CSV can't be read, lacks a column, has no usable row, or has too many
    different genres.
    """
    if not images.is_dir():
        raise LabelledSetError(f"There is no folder {images}: name the folder of the posters with --images.")
    columns = _columns(listing)
    posters: list[LabelledPoster] = []
    left_out: list[RowNote] = []
    remarks: list[RowNote] = []
    line_of: dict[Path, int] = {}
    count = 0
    for row in _rows(listing):
        count += 1
        file = row.cell("file")[:200] if isinstance(row, Row) else ""
        try:
            if isinstance(row, RejectedRow):
                raise _BadRow(row.reason)
            poster, remark = _poster(row.line, row.cells, images)
            if poster.path in line_of:
                raise _BadRow(f"line {line_of[poster.path]} names the same file")
        except _BadRow as reason:
            left_out.append(RowNote(row.line, file, str(reason)))
        else:
            line_of[poster.path] = row.line
            posters.append(poster)
            if remark:
                remarks.append(RowNote(row.line, file, remark))
    if not posters:
        first = f" The first of {len(left_out)} rows: {left_out[0].reason}." if left_out else ""
        raise LabelledSetError(f"{listing} has no usable row.{first}")
    return LabelledSet(
        posters=_unify_spelling(posters, listing),
        left_out=tuple(left_out),
        remarks=tuple(remarks),
        ignored_columns=tuple(name for name in columns if name not in {*REQUIRED, *OPTIONAL}),
        rows=count,
        sha256=_sha256(listing),
    )


def sample(posters: Sequence[LabelledPoster], limit: int | None, seed: int) -> tuple[LabelledPoster, ...]:
    """At most `limit` of the posters, drawn at random, in their order."""
    if limit is None or limit >= len(posters):
        return tuple(posters)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(posters))[:limit])
    return tuple(posters[row] for row in chosen)


def label_table(posters: Sequence[LabelledPoster]) -> tuple[tuple[str, ...], npt.NDArray[np.uint8]]:
    """The genres these posters have, most frequent first, and which poster has which: (n, genres) uint8."""
    count = Counter(genre for poster in posters for genre in poster.genres)
    genres = tuple(sorted(count, key=lambda name: (-count[name], name)))
    column = {name: index for index, name in enumerate(genres)}
    table = np.zeros((len(posters), len(genres)), dtype=np.uint8)
    for row, poster in enumerate(posters):
        table[row, [column[genre] for genre in poster.genres]] = 1
    return genres, table


def _columns(listing: Path) -> list[str]:
    try:
        file = SourceFile(listing)
        columns = columns_in(first_line(file), {*REQUIRED, *OPTIONAL}, file)
    except SourceError as error:
        raise LabelledSetError(str(error)) from error
    if not set(REQUIRED) <= set(columns):
        raise LabelledSetError(f"{listing} needs a header with the columns `file` and `genres`.")
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise LabelledSetError(f"{listing} has the column {twice[0]!r} more than once.")
    return columns


def _rows(listing: Path) -> Iterator[Row | RejectedRow]:
    try:
        yield from read_rows(listing, [{name} for name in REQUIRED], known=OPTIONAL)
    except SourceError as error:
        raise LabelledSetError(str(error)) from error


def _sha256(listing: Path) -> str:
    with listing.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _poster(line: int, cells: dict[str, str], images: Path) -> tuple[LabelledPoster, str]:
    """The poster of one row, and a remark about its cells ("" if there is none)."""
    ids = [(name, cells.get(name, "").strip()) for name in ("imdb_id", "tmdb_id")]
    year, year_remark = _year(cells.get("year", "").strip())
    text_only, text_remark = _yes_or_no(cells.get("text_only", "").strip())
    poster = LabelledPoster(
        line=line,
        file=cells["file"].strip(),
        path=_path(cells["file"].strip(), images),
        genres=_genres(cells["genres"]),
        series=" ".join(cells.get("series", "").split()).casefold(),
        movie=next((f"{name} {value}" for name, value in ids if value), ""),
        year=year,
        title=" ".join(cells.get("title", "").split())[:MAX_TITLE_LENGTH],
        overview=" ".join(cells.get("overview", "")[: 2 * MAX_OVERVIEW_LENGTH].split())[:MAX_OVERVIEW_LENGTH],
        language=" ".join(cells.get("language", "").split())[:MAX_GENRE_LENGTH],
        text_only=text_only,
    )
    return poster, "; ".join(filter(None, (year_remark, text_remark)))


def _genres(cell: str) -> tuple[str, ...]:
    if cell.strip().casefold() == NO_GENRES:
        raise _BadRow("it has no genre")
    names = [" ".join(part.split()) for part in cell.split("|" if "|" in cell else ",")]
    unique: dict[str, str] = {}
    for name in filter(None, names):
        unique.setdefault(name.casefold(), name)
    if not unique:
        raise _BadRow("it has no genre")
    if len(unique) > MAX_GENRES_A_POSTER:
        raise _BadRow(f"it has {len(unique)} genres, more than {MAX_GENRES_A_POSTER}")
    for name in unique.values():
        if len(name) > MAX_GENRE_LENGTH or not name.isprintable():
            raise _BadRow(f"{name[:MAX_GENRE_LENGTH]!r} cannot be the name of a genre")
    return tuple(unique.values())


def _path(name: str, images: Path) -> Path:
    if not name:
        raise _BadRow("it names no file")
    if not name.isprintable():
        raise _BadRow("the file name has control characters")
    paths = (PurePosixPath(name), PureWindowsPath(name))
    if any(path.is_absolute() or path.drive or ".." in path.parts for path in paths):
        raise _BadRow("the file name leaves the folder of images")
    path = images / name
    try:
        # Reading a pipe or a device of that name would never end.
        is_file = path.is_file()
    except OSError:
        is_file = False
    if not is_file:
        raise _BadRow("there is no such file in the folder of images")
    return path


def _year(cell: str) -> tuple[int | None, str]:
    if not cell:
        return None, ""
    if not (cell.isascii() and cell.isdigit() and len(cell) == 4 and FIRST_YEAR <= int(cell) <= LAST_YEAR):
        return None, f"{cell[:20]!r} is not a year; the poster counts as undated"
    return int(cell), ""


def _yes_or_no(cell: str) -> tuple[bool | None, str]:
    answer = cell.casefold()
    if not answer or answer in _YES or answer in _NO:
        return (answer in _YES if answer else None), ""
    return None, f"{cell[:20]!r} in text_only is neither yes nor no"


def _unify_spelling(posters: Sequence[LabelledPoster], listing: Path) -> tuple[LabelledPoster, ...]:
    spellings: dict[str, Counter[str]] = {}
    for poster in posters:
        for genre in poster.genres:
            spellings.setdefault(genre.casefold(), Counter())[genre] += 1
    if len(spellings) > MAX_GENRES:
        raise LabelledSetError(
            f"The column `genres` of {listing} has {len(spellings)} different names, more than "
            f"{MAX_GENRES}: separate genres by pipes, or by commas inside a quoted cell."
        )
    usual = {key: min(count, key=lambda name: (-count[name], name)) for key, count in spellings.items()}
    return tuple(
        replace(poster, genres=tuple(usual[genre.casefold()] for genre in poster.genres))
        for poster in posters
    )
