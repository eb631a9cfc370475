"""Titles from MovieLens, a folder or an archive: movies.csv, joined with the IMDb and TMDB ids in links.csv.

The format is described in the README.txt of each archive (https://grouplens.org/datasets/movielens/).
"""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml.csv_files.files import SourceFile, files_in_zip, is_zip
from ml.csv_files.rows import Row, read_rows

from ._cells import InvalidCell, parse_genres, parse_imdb_id, parse_number, parse_title, validated_year
from ._parsing import parse_rows
from .records import RejectedRow, SourceError, TitleRecord
from .temporary import disk_full, temporary_database

MOVIES = "movies.csv"
IMDB, TMDB = "imdbId", "tmdbId"

_YEAR = re.compile(r"\s*\(([0-9]{4})(?:\s*[-–—]\s*(?:[0-9]{4})?)?\s*\)$")
_ARTICLES = "The|An?|Le|La|Les|L'|L’|Une?|Der|Die|Das|Eine?|El|Los|Las|Una|Il|Gli|Lo|I|De|Het|Den|Det"
# Up to an opening parenthesis, so that "Avventura, L' (Adventure, The)" has two articles to move.
_ARTICLE_LAST = re.compile(rf"(?P<name>[^()]+?), (?P<article>{_ARTICLES})(?P<after>\s*(?=[()]|$))")
_AKA = re.compile(r"(?P<lead>\s*)(?P<aka>a\.?k\.?a\.?:? +)?(?P<name>.*)", re.IGNORECASE | re.DOTALL)


def read(path: Path | SourceFile) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of a folder, an archive such as ml-25m.zip, or a movies.csv.

    The year in a title becomes `year`, and articles are moved to the front ("American President, The" becomes
    "The American President"); other names in parentheses stay in the title. links.csv beside movies.csv is
    optional. An invalid or repeated id in it is reported, and the title is imported without it.

    Raises SourceError if movies.csv is missing or is not a MovieLens file.
    """
    movies = path if isinstance(path, SourceFile) else _find_movies(path)
    links = _Links(str(movies))
    if links_file := movies.sibling("links.csv"):
        yield from _read_links(links_file, links)
    rows = read_rows(movies, [{"movieid"}, {"title"}, {"genres"}])
    yield from parse_rows(rows, lambda row: _parse(row, links))


def _find_movies(path: Path) -> SourceFile:
    if is_zip(path):
        found = [file for file in files_in_zip(path) if file.name == MOVIES]
        if len(found) > 1:
            names = " and ".join(str(file) for file in found[:2])
            raise SourceError(f"There is more than one {MOVIES}: {names}; unpack the zip and give the folder")
        movies = found[0] if found else None
    elif path.is_dir():
        movies = SourceFile(path / MOVIES).sibling(MOVIES)
    else:
        movies = SourceFile(path) if path.is_file() else None
    if movies is None:
        raise SourceError(
            f"{path} contains no {MOVIES}; give an archive of MovieLens, or the folder that it unpacks to"
        )
    return movies


def split_title(text: str) -> tuple[str, int | None]:
    """Split "Heat (1995)" into title and year, which is None if there is none. Raises InvalidCell."""
    words = parse_title(text)
    year = None
    if found := _YEAR.search(words):
        year = validated_year(int(found[1]))
        words = parse_title(words[: found.start()])
    return _ARTICLE_LAST.sub(_article_first, words), year


def _article_first(found: re.Match[str]) -> str:
    article = found["article"]
    space = "" if article.endswith(("'", "’")) else " "
    parts = _AKA.fullmatch(found["name"])
    assert parts  # noqa: S101 - the pattern matches every text
    return f"{parts['lead']}{parts['aka'] or ''}{article}{space}{parts['name']}{found['after']}"


class _Links:
    """The IMDb and TMDB ids of MovieLens ids; stored on disk, as links.csv may be large."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._database = temporary_database(
            "CREATE TABLE link (kind, id, movie, UNIQUE (kind, id))",
            "CREATE INDEX by_movie ON link (movie)",
        )

    def add(self, kind: str, external_id: str | int, movie_id: int) -> None:
        """Give the movie this id. Raises InvalidCell if another movie has it."""
        try:
            self._database.execute(
                "INSERT OR IGNORE INTO link VALUES (?, ?, ?)", (kind, external_id, movie_id)
            )
            found = self._database.execute(
                "SELECT movie FROM link WHERE kind = ? AND id = ?", (kind, external_id)
            )
            (owner,) = found.fetchone()
        except sqlite3.Error as error:
            raise disk_full(self._file, error) from error
        if owner != movie_id:
            raise InvalidCell(f"the {kind} {external_id} already belongs to movieId {owner}")

    def of(self, movie_id: int) -> dict[str, Any]:
        """The movie's ids by column; of several the last."""
        return dict(
            self._database.execute("SELECT kind, id FROM link WHERE movie = ? ORDER BY rowid", (movie_id,))
        )


def _parse(row: Row, links: _Links) -> TitleRecord:
    movie_id = _movie_id(row)
    title, year = split_title(row.cell("title"))
    known = links.of(movie_id)
    return TitleRecord(
        title=title,
        year=year,
        genres=parse_genres(row.cell("genres")),
        imdb_id=known.get(IMDB),
        tmdb_id=known.get(TMDB),
        movielens_id=movie_id,
        file=row.file,
        line=row.line,
    )


def _read_links(file: SourceFile, links: _Links) -> Iterator[RejectedRow]:
    for row in read_rows(file, [{"movieid"}, {"imdbid"}, {"tmdbid"}]):
        if isinstance(row, RejectedRow):
            yield row
            continue
        try:
            movie_id = _movie_id(row)
        except InvalidCell as error:
            yield row.rejected(error)
            continue
        for kind, read_cell in ((IMDB, parse_imdb_id), (TMDB, parse_number)):
            try:
                external_id = read_cell(row.cell(kind.lower()), kind)
                if external_id:
                    links.add(kind, external_id, movie_id)
            except InvalidCell as error:
                yield row.rejected(f"{error}; the title is imported without it")


def _movie_id(row: Row) -> int:
    movie_id = parse_number(row.cell("movieid"), "movieId")
    if movie_id is None:
        raise InvalidCell("the movieId is empty")
    return movie_id
