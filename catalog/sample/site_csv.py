"""Films for the replica from a CSV file that lists images on disk."""

import csv
import re
from pathlib import Path

from catalog.sample.site_pages import ReplicaMovie

COLUMNS = ("file", "imdb_id", "tmdb_id", "title", "year")


class MoviesFileError(Exception):
    """The file as a whole cannot be read; the message says what to do."""


def read_movies(path: Path, images: Path) -> tuple[list[ReplicaMovie], list[str]]:
    """The films listed in ``path`` with posters in the folder ``images``, and a sentence a row left out.

    The columns are file, imdb_id, tmdb_id, title, year, and optionally overview; others are ignored. Posters
    are not opened here. Raises MoviesFileError when the file is missing, not UTF-8, or lacks a column.
    """
    movies: list[ReplicaMovie] = []
    problems: list[str] = []
    seen: set[object] = set()
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
            if missing:
                raise MoviesFileError(
                    f"{path} lacks the column(s) {', '.join(missing)}; add them to its first line."
                )
            for row in reader:
                try:
                    movie = _movie(row, images)
                    ids = {movie.tmdb_id, movie.imdb_id} - {None}
                    if ids & seen:
                        raise ValueError("its id is already taken by an earlier row")
                    seen |= ids
                    movies.append(movie)
                except ValueError as error:
                    problems.append(f"{path}, line {reader.line_num}: left out, {error}.")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MoviesFileError(f"{path} cannot be read as a UTF-8 CSV file: {error}") from error
    return movies, problems


def _movie(row: dict[str, str | None], images: Path) -> ReplicaMovie:
    cells = {column: (value or "").strip() for column, value in row.items() if isinstance(value, str)}
    name, imdb_id, title = cells.get("file", ""), cells.get("imdb_id", ""), cells.get("title", "")
    if imdb_id.isdigit():
        imdb_id = f"tt{int(imdb_id):07d}"
    if imdb_id and not re.fullmatch(r"tt\d{1,10}", imdb_id):
        raise ValueError(f"{imdb_id!r} is no IMDb id")
    tmdb_id = _whole_number(cells.get("tmdb_id", ""), "TMDB id")
    if not imdb_id and tmdb_id is None:
        raise ValueError("it has neither a TMDB nor an IMDb id")
    if name and not (images / name).resolve().is_relative_to(images.resolve()):
        raise ValueError(f"the file {name!r} lies outside {images}")
    return ReplicaMovie(
        tmdb_id=tmdb_id,
        imdb_id=imdb_id or None,
        title=title or name or imdb_id or str(tmdb_id),
        year=_whole_number(cells.get("year", ""), "year"),
        overview=cells.get("overview", ""),
        poster=images / name if name else None,
    )


def _whole_number(text: str, what: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"\d{1,10}(?:\.0+)?", text):  # "862.0" is how pandas writes a column with gaps
        raise ValueError(f"{text!r} is no {what}")
    return int(text.split(".")[0])
