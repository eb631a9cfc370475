"""A dry run's catalogue: read from the database, changed in a temporary file that nobody else sees."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from catalog.duplicates import import_matches
from catalog.duplicates.merging import origins_joined
from catalog.genres.names import keys_of
from catalog.models import Genre, Movie, Poster
from catalog.posters.rejections import was_removed
from catalog.titles.formats.records import TitleRecord
from ml.imaging.images import open_safely, sha256_hex

from ._planning import Key, KnownMovie, best_kept, lookup_keys
from ._store import known_movies, touched_by_people

TABLES = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
CREATE TABLE movie (number INTEGER PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE name (id TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE picture (number INTEGER, sha256 TEXT, PRIMARY KEY (number, sha256)) WITHOUT ROWID;
"""


class Rehearsal:
    """Stands in for import_storing.Catalogue: takes no lock and writes nothing into the database.

    What it would have written is kept on disk, so that memory does not grow with the rows. Use it in a
    `with`, at whose end the file is gone.
    """

    def __init__(self) -> None:
        # An empty name is a private file that SQLite deletes.
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.executescript(TABLES)
        self._last_number = 0
        self._genres: list[Genre] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def known(self, records: Sequence[TitleRecord]) -> dict[Key, KnownMovie]:
        known = known_movies(records, lock=False)
        now: dict[int, KnownMovie | None] = {}
        for key, movie in known.items():
            known[key] = self._state(movie.number, now) or movie
        for key in dict.fromkeys(key for record in records for key in lookup_keys(record)):
            if row := self._file.execute("SELECT number FROM name WHERE id = ?", [_named(key)]).fetchone():
                left = self._state(row[0], now)
                if left is not None:
                    known[key] = left
        return known

    def slugs(self, names: Iterable[str]) -> dict[str, str]:
        listed = sorted(set(names))
        return dict(zip(listed, keys_of(listed, self._genres), strict=True))

    def kept_apart(self, movies: Sequence[KnownMovie]) -> bool:
        return import_matches.kept_apart([movie.pks for movie in movies])

    def touched_by_people(self, movies: Sequence[KnownMovie]) -> bool:
        return touched_by_people(movies)

    def write(self, movies: Sequence[KnownMovie], slugs: Mapping[str, str]) -> None:
        for movie in movies:
            if movie.pk is None:
                self._last_number -= 1
                movie.pk = self._last_number
            self._keep(movie)
        used = {slug for movie in movies for slug in movie.genres}
        held = {genre.slug for genre in self._genres}
        new = sorted(name for name, slug in slugs.items() if slug in used - held)
        for name in new:
            slug = slugs[name]
            if slug not in held and not Genre.objects.filter(slug=slug).exists():
                self._genres.append(Genre(name=name, slug=slug))
                held.add(slug)

    def merge(self, movies: Sequence[KnownMovie], said: str) -> KnownMovie:
        kept = best_kept(movies)
        for other in sorted((movie for movie in movies if movie is not kept), key=_stored_order):
            kept.facts = {**other.facts, **kept.facts}
            kept.genres = origins_joined(kept.genres, other.genres)
            kept.absorbed |= other.pks
            self._save(other.number, {"into": kept.pk})
            # Names of rows that another merge had led to `other` follow by its "into".
            self._name(other, kept.number)
            self._file.execute(
                "UPDATE OR IGNORE picture SET number = ? WHERE number = ?", [kept.pk, other.pk]
            )
        self._keep(kept)
        return kept

    def propose(self, found: Sequence[tuple[tuple[KnownMovie, ...], str]]) -> None:
        """Nothing: how many would wait is known without it."""

    def store_picture(self, movie: KnownMovie, data: bytes) -> bool:
        """Whether the picture would be stored. Raises ml.imaging.images.ImageRejected."""
        sha256 = sha256_hex(data)
        here = self._file.execute(
            "SELECT 1 FROM picture WHERE number = ? AND sha256 = ?", [movie.pk, sha256]
        ).fetchone()
        if here or Poster.objects.filter(movie__in=movie.pks, sha256=sha256).exists():
            return False
        if movie.number > 0 and was_removed(Movie(pk=movie.pk), data):
            return False
        open_safely(data)
        self._file.execute("INSERT INTO picture VALUES (?, ?)", [movie.pk, sha256])
        return True

    def _state(self, number: int, now: dict[int, KnownMovie | None]) -> KnownMovie | None:
        """The movie of this number as it was left, the same object for the same movie; None if untouched."""
        if number in now:
            return now[number]
        row = self._file.execute("SELECT state FROM movie WHERE number = ?", [number]).fetchone()
        if row is None:
            now[number] = None
            return None
        state = json.loads(row[0])
        if "into" in state:
            now[number] = self._state(state["into"], now)
            return now[number]
        movie = KnownMovie(
            number, state["facts"], state["genres"], state["locked"], absorbed=set(state["absorbed"])
        )
        movie.is_stored()
        now[number] = movie
        return movie

    def _keep(self, movie: KnownMovie) -> None:
        state = {
            "facts": movie.facts,
            "genres": movie.genres,
            "locked": movie.genres_locked,
            "absorbed": sorted(movie.absorbed),
        }
        self._save(movie.number, state)
        self._name(movie, movie.number)
        movie.is_stored()

    def _save(self, number: int, state: dict[str, Any]) -> None:
        self._file.execute("INSERT OR REPLACE INTO movie VALUES (?, ?)", [number, json.dumps(state)])

    def _name(self, movie: KnownMovie, number: int) -> None:
        self._file.executemany(
            "INSERT OR REPLACE INTO name VALUES (?, ?)", [(_named(key), number) for key in movie.ids()]
        )


def _named(key: Key) -> str:
    return f"{key[0]} {key[1]}"


def _stored_order(movie: KnownMovie) -> tuple[bool, int]:
    return movie.number < 0, abs(movie.number)
