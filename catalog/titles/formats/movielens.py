"""Titles from a MovieLens folder or archive: movies.csv, joined with links.csv for the IMDb and TMDB ids.

The format is described in the README.txt of each archive (https://grouplens.org/datasets/movielens/).
"""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._cells import BadCell, checked_year, genres_in, imdb_id_in, number_in, title_in
from ._csv_rows import Row, read_rows
from ._parsing import private_database, unrepeated
from .files import SourceFile, files_in_zip, is_zip
from .records import RejectedRow, SourceError, TitleRecord

MOVIES = "movies.csv"
IMDB, TMDB = "imdbId", "tmdbId"

_YEAR = re.compile(r"\s*\(([0-9]{4})(?:\s*[-–—]\s*(?:[0-9]{4})?)?\s*\)$")
_ARTICLES = "The|An?|Le|La|Les|L'|L’|Une?|Der|Die|Das|Eine?|El|Los|Las|Una|Il|Gli|Lo|I|De|Het|Den|Det"
# Up to an opening parenthesis, so that "Avventura, L' (Adventure, The)" has two articles to move.
_ARTICLE_LAST = re.compile(rf"(?P<name>[^()]+?), (?P<article>{_ARTICLES})(?P<after>\s*(?=[()]|$))")
_AKA = re.compile(r"(?P<lead>\s*)(?P<aka>a\.?k\.?a\.?:? +)?(?P<name>.*)", re.IGNORECASE | re.DOTALL)


def read(place: Path | SourceFile) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of MovieLens: a folder, an archive such as ml-25m.zip (read in place), or movies.csv.

    `genres` is () for "(no genres listed)". A year in the title goes to `year` and articles come back to the
    front ("American President, The" is "The American President"). What stands in parentheses, an original
    title or another name, stays there. links.csv is looked for beside movies.csv and may be missing. A bad or
    repeated id in it is reported, and the title is kept without it.

    Raises SourceError when movies.csv is missing or is no MovieLens file.
    """
    movies = place if isinstance(place, SourceFile) else _movies_in(place)
    links = _Links(str(movies))
    if links_file := movies.beside("links.csv"):
        yield from _read_links(links_file, links)
    rows = read_rows(movies, needs=[{"movieid"}, {"title"}, {"genres"}])
    yield from unrepeated(rows, lambda row: _record(row, links))


def _movies_in(place: Path) -> SourceFile:
    if is_zip(place):
        found = [file for file in files_in_zip(place) if file.name == MOVIES]
        if len(found) > 1:
            names = " and ".join(str(file) for file in found[:2])
            raise SourceError(f"There is more than one {MOVIES}: {names}; unpack the zip and give the folder")
        movies = found[0] if found else None
    elif place.is_dir():
        movies = SourceFile(place / MOVIES).beside(MOVIES)
    else:
        movies = SourceFile(place) if place.is_file() else None
    if movies is None:
        raise SourceError(
            f"{place} holds no {MOVIES}; give an archive of MovieLens, or the folder that it unpacks to"
        )
    return movies


def split_title(text: str) -> tuple[str, int | None]:
    """(title, year or None).

    Raises BadCell for an empty title and for a year outside 1870 to 2100.
    """
    words = title_in(text)
    year = None
    if found := _YEAR.search(words):
        year = checked_year(int(found[1]))
        words = title_in(words[: found.start()])
    return _ARTICLE_LAST.sub(_article_first, words), year


def _article_first(found: re.Match[str]) -> str:
    article = found["article"]
    space = "" if article.endswith(("'", "’")) else " "
    parts = _AKA.fullmatch(found["name"])
    assert parts  # noqa: S101 - the pattern matches every text
    return f"{parts['lead']}{parts['aka'] or ''}{article}{space}{parts['name']}{found['after']}"


class _Links:
    """Which movie has which id of another site; in memory that does not grow with the file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._database = private_database(
            "CREATE TABLE owner (kind, id, movie, PRIMARY KEY (kind, id)) WITHOUT ROWID",
            "CREATE TABLE link (movie, kind, id, PRIMARY KEY (movie, kind)) WITHOUT ROWID",
        )

    def note(self, kind: str, external_id: str | int, movie_id: int) -> None:
        """The movie has this id from now on; raises BadCell when another has it already."""
        ids = (kind, external_id)
        try:
            self._database.execute("INSERT OR IGNORE INTO owner VALUES (?, ?, ?)", (*ids, movie_id))
            found = self._database.execute("SELECT movie FROM owner WHERE kind = ? AND id = ?", ids)
            (owner,) = found.fetchone()
            if owner != movie_id:
                raise BadCell(f"the {kind} {external_id} already belongs to movieId {owner}")
            self._database.execute("INSERT OR REPLACE INTO link VALUES (?, ?, ?)", (movie_id, *ids))
        except sqlite3.Error as error:
            raise SourceError(
                f"{self._file}: no room to note its ids down ({error}); make room for temporary files"
            ) from error

    def of(self, movie_id: int) -> dict[str, Any]:
        """The movie's ids by their columns."""
        return dict(self._database.execute("SELECT kind, id FROM link WHERE movie = ?", (movie_id,)))


def _record(row: Row, links: _Links) -> TitleRecord:
    movie_id = _movie_id(row)
    title, year = split_title(row.cell("title"))
    known = links.of(movie_id)
    return TitleRecord(
        title=title,
        year=year,
        genres=genres_in(row.cell("genres")),
        imdb_id=known.get(IMDB),
        tmdb_id=known.get(TMDB),
        movielens_id=movie_id,
        file=row.file,
        line=row.line,
    )


def _read_links(file: SourceFile, links: _Links) -> Iterator[RejectedRow]:
    for row in read_rows(file, needs=[{"movieid"}, {"imdbid"}, {"tmdbid"}]):
        if isinstance(row, RejectedRow):
            yield row
            continue
        try:
            movie_id = _movie_id(row)
        except BadCell as error:
            yield row.rejected(error)
            continue
        for kind, read_cell in ((IMDB, imdb_id_in), (TMDB, number_in)):
            try:
                external_id = read_cell(row.cell(kind.lower()), kind)
                if external_id:
                    links.note(kind, external_id, movie_id)
            except BadCell as error:
                yield row.rejected(f"{error}; the title is kept without it")


def _movie_id(row: Row) -> int:
    movie_id = number_in(row.cell("movieid"), "movieId")
    if movie_id is None:
        raise BadCell("the movieId is empty")
    return movie_id
