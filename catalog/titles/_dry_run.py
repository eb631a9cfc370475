"""The store of a dry run: reads the catalogue, and writes to a temporary file instead of the database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from catalog.duplicates.merging import origins_joined
from catalog.models import Genre, Movie, Poster
from catalog.posters.rejections import was_removed
from catalog.titles.formats.records import TitleRecord
from catalog.titles.formats.temporary import temporary_database
from ml.imaging.images import open_safely, sha256_hex

from ._planning import Key, MovieState, lookup_keys, merge_target
from ._store import Store, read_movies


class DryRunStore(Store):
    """A store that takes no locks and leaves the database unchanged.

    Created movies have negative keys. All changes are in a file, as there may be millions.
    """

    def __init__(self) -> None:
        super().__init__()
        self._file = temporary_database("CREATE TABLE item (key PRIMARY KEY, value) WITHOUT ROWID")
        self._last_pk = 0

    def close(self) -> None:
        self._file.close()

    def movies_for(self, records: Sequence[TitleRecord]) -> dict[Key, MovieState]:
        states: dict[int, MovieState | None] = {}
        found = {
            key: self._state(movie.number, states) or movie
            for key, movie in read_movies(records, lock=False).items()
        }
        for key in dict.fromkeys(key for record in records for key in lookup_keys(record)):
            pk = self._get(_id_key(key))
            if pk is not None and (movie := self._state(pk, states)):
                found[key] = movie
        return found

    def write(self, movies: Sequence[MovieState], slugs: Mapping[str, str]) -> None:
        for movie in movies:
            if movie.pk is None:
                self._last_pk -= 1
                movie.pk = self._last_pk
            self._write_movie(movie)
        used = {slug for movie in movies for slug in movie.genres}
        existing = {genre.slug for genre in self.new_genres}
        for name, slug in sorted(slugs.items()):
            if slug in used - existing and not Genre.objects.filter(slug=slug).exists():
                self.new_genres.append(Genre(name=name, slug=slug))
                existing.add(slug)

    def merge(self, movies: Sequence[MovieState], row: str) -> MovieState:
        kept = merge_target(movies)
        for other in sorted((movie for movie in movies if movie is not kept), key=_age):
            kept.facts = {**other.facts, **kept.facts}
            kept.genres = origins_joined(kept.genres, other.genres)
            kept.absorbed |= {other.number, *other.absorbed}
            self._set(f"movie {other.number}", {"merged_into": kept.pk})
        self._write_movie(kept)
        return kept

    def propose(self, matches: Sequence[tuple[tuple[MovieState, ...], str]]) -> None:
        pass

    def store_poster(self, movie: MovieState, data: bytes) -> bool:
        sha256 = sha256_hex(data)
        if any(self._get(f"poster {pk} {sha256}") for pk in (movie.number, *movie.absorbed)):
            return False
        if Poster.objects.filter(movie__in=movie.pks, sha256=sha256).exists():
            return False
        if movie.number > 0 and was_removed(Movie(pk=movie.pk), data):
            return False
        open_safely(data)
        self._set(f"poster {movie.number} {sha256}", True)
        return True

    def _state(self, pk: int, states: dict[int, MovieState | None]) -> MovieState | None:
        """The movie as it was last written, or the one it was merged into; None if it was not written.

        `states` ensures that a movie is one object.
        """
        if pk not in states:
            value = self._get(f"movie {pk}")
            if value is None:
                states[pk] = None
            elif "merged_into" in value:
                states[pk] = self._state(value["merged_into"], states)
            else:
                states[pk] = movie = MovieState(pk, **{**value, "absorbed": set(value["absorbed"])})
                movie.mark_stored()
        return states[pk]

    def _write_movie(self, movie: MovieState) -> None:
        state = {
            "facts": movie.facts,
            "genres": movie.genres,
            "genres_locked": movie.genres_locked,
            "absorbed": sorted(movie.absorbed),
        }
        self._set(f"movie {movie.number}", state)
        for key in movie.ids():
            self._set(_id_key(key), movie.number)
        movie.mark_stored()

    def _get(self, key: str) -> Any:
        row = self._file.execute("SELECT value FROM item WHERE key = ?", [key]).fetchone()
        return json.loads(row[0]) if row else None

    def _set(self, key: str, value: object) -> None:
        self._file.execute("INSERT OR REPLACE INTO item VALUES (?, ?)", [key, json.dumps(value)])


def _id_key(key: Key) -> str:
    return f"{key[0]} {key[1]}"


def _age(movie: MovieState) -> tuple[bool, int]:
    return movie.number < 0, abs(movie.number)
