"""The films that the replica site shows: the sample's, or those of a CSV file with images on disk."""

import csv
import hashlib
import re
from base64 import b32encode
from dataclasses import dataclass, replace
from pathlib import Path

from catalog.sample.films import sample_films

COLUMNS = ("file", "imdb_id", "tmdb_id", "title", "year")


@dataclass(frozen=True)
class ReplicaMovie:
    """A film that the replica shows.

    ``poster`` is an image file, the bytes of an image, or None for a film whose pages show no poster.
    ``others`` are (language, poster) pairs that only the API lists. As on the real sites, the image at an
    address never changes: another ``revision`` of the film has its poster at another address.
    """

    tmdb_id: int | None
    imdb_id: str | None
    title: str
    year: int | None
    overview: str
    poster: Path | bytes | None
    franchise: str = ""
    others: tuple[tuple[str | None, Path | bytes], ...] = ()
    revision: str = ""

    @property
    def image_name(self) -> str:
        """The name in the poster's address: opaque, as on the real sites, and the same in every run."""
        key = f"{self.tmdb_id}/{self.imdb_id}/{self.title}{self.revision and '/'}{self.revision}".encode()
        return b32encode(hashlib.sha256(key).digest()[:15]).decode().lower()

    def alternatives(self) -> "list[tuple[str | None, ReplicaMovie]]":
        """(language, the film with that poster as its own) for each of ``others``."""
        return [
            (language, replace(self, poster=poster, others=(), revision=f"{self.revision}+{number}"))
            for number, (language, poster) in enumerate(self.others, start=1)
        ]


class MoviesFileError(Exception):
    """The file as a whole cannot be read."""


def sample_movies() -> list[ReplicaMovie]:
    """The films of the sample catalogue."""
    return [
        ReplicaMovie(
            film.tmdb_id,
            film.imdb_id,
            film.title,
            film.year,
            film.overview,
            film.poster,
            film.franchise,
        )
        for film in sample_films()
    ]


def read_movies(path: Path, images: Path) -> tuple[list[ReplicaMovie], list[str]]:
    """The films listed in the CSV file ``path``, and a message for each row that is skipped.

    The columns are file (an image in the folder ``images``), imdb_id, tmdb_id, title, year, and optionally
    overview; others are ignored. The images are not opened. Raises MoviesFileError if the file is missing,
    not UTF-8, or lacks a column.
    """
    movies: list[ReplicaMovie] = []
    problems: list[str] = []
    used_ids: set[int | str | None] = set()
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
            if missing:
                raise MoviesFileError(f"{path} has no column {', '.join(missing)}.")
            for row in reader:
                try:
                    movie = _movie(row, images)
                    ids = {movie.tmdb_id, movie.imdb_id} - {None}
                    if ids & used_ids:
                        raise ValueError("an earlier row has the same id")
                except ValueError as error:
                    problems.append(f"{path}, line {reader.line_num}: skipped, {error}.")
                else:
                    used_ids |= ids
                    movies.append(movie)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MoviesFileError(f"{path} cannot be read as a UTF-8 CSV file: {error}") from error
    return movies, problems


def _movie(row: dict[str, str | None], images: Path) -> ReplicaMovie:
    cells = {column: (value or "").strip() for column, value in row.items() if isinstance(value, str)}
    name, imdb_id, title = cells.get("file", ""), cells.get("imdb_id", ""), cells.get("title", "")
    if imdb_id.isdigit():
        imdb_id = f"tt{int(imdb_id):07d}"
    if imdb_id and not re.fullmatch(r"tt\d{1,10}", imdb_id):
        raise ValueError(f"{imdb_id!r} is not an IMDb id")
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
    if not re.fullmatch(r"\d{1,10}(?:\.0+)?", text):  # pandas writes "862.0" in a column with gaps
        raise ValueError(f"{text!r} is not a {what}")
    return int(text.split(".")[0])
