"""Read the movies that match a batch of rows, and write the changes, in few queries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q
from django.utils import timezone

from catalog import search
from catalog.duplicates import import_matches
from catalog.genres.names import genre_rows, keys_of
from catalog.models import Genre, ImportChange, Movie, MovieGenre, Poster, Run
from catalog.models.movie import EXTERNAL_IDS
from catalog.posters.primary import EvidenceNow, evidence_now, store_poster
from catalog.posters.rejections import was_removed
from catalog.titles.formats.records import TitleRecord
from ml.imaging.images import sha256_hex

from ._planning import ABSENT, FACTS, Key, MovieState, lookup_keys, merge_target

FOLDER = "folder"


class Store(ABC):
    """Where an import reads and writes movies."""

    def __init__(self) -> None:
        # Genres that a dry run would create.
        self.new_genres: list[Genre] = []

    @abstractmethod
    def movies_for(self, records: Sequence[TitleRecord]) -> dict[Key, MovieState]:
        """The movies that may match the records, by each of their ids."""

    @abstractmethod
    def write(self, movies: Sequence[MovieState], slugs: Mapping[str, str]) -> None:
        """Store new and changed movies and their genres. slugs: the slug of each genre name in the rows."""

    @abstractmethod
    def merge(self, movies: Sequence[MovieState], row: str) -> MovieState:
        """Merge stored movies that `row` names as the same film; returns the one that remains.

        Raises merging.CannotMerge.
        """

    @abstractmethod
    def propose(self, matches: Sequence[tuple[tuple[MovieState, ...], str]]) -> None:
        """Propose movies as duplicates, each with a description of the row that names them."""

    @abstractmethod
    def store_poster(self, movie: MovieState, data: bytes) -> bool:
        """Store an image as the movie's poster; False if the movie has it or a person removed it.

        Raises ml.imaging.images.ImageRejected and Movie.DoesNotExist.
        """

    def slugs(self, names: Iterable[str]) -> dict[str, str]:
        """The slug of the genre that each name means, or of the genre that would be created."""
        listed = sorted(set(names))
        return dict(zip(listed, keys_of(listed, self.new_genres), strict=True))


class DatabaseStore(Store):
    """Writes to the database and records changes for an undo; most methods need a transaction."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        # Posters and versions of texts before the import changed them.
        self.before: dict[int, EvidenceNow] = {}

    def movies_for(self, records: Sequence[TitleRecord]) -> dict[Key, MovieState]:
        return read_movies(records, lock=True)

    def write(self, movies: Sequence[MovieState], slugs: Mapping[str, str]) -> None:
        if not movies:
            return
        genres = _genres(movies, slugs)
        new = [movie for movie in movies if movie.pk is None]
        created = Movie.objects.bulk_create([Movie(**movie.facts) for movie in new])
        for movie, row in zip(new, created, strict=True):
            movie.pk = row.pk
        created_ids = set(map(id, new))
        self._remember(
            movie.number for movie in movies if id(movie) not in created_ids and movie.has_new_texts
        )
        _update([movie for movie in movies if id(movie) not in created_ids])
        search.index(movie.number for movie in movies)
        _write_genres(movies, genres)
        self._record_changes(movies, created_ids, genres)
        for movie in movies:
            movie.mark_stored()

    def merge(self, movies: Sequence[MovieState], row: str) -> MovieState:
        kept = merge_target(movies)
        others = [movie for movie in movies if movie is not kept]
        self._remember([kept.number])
        import_matches.merge(self._run, kept.number, [movie.number for movie in others], row)
        [now] = _read(Q(pk=kept.pk), lock=True)[0]
        kept.facts, kept.genres, kept.genres_locked = now.facts, now.genres, now.genres_locked
        kept.text_version = now.text_version
        kept.absorbed |= {pk for movie in others for pk in movie.pks}
        kept.mark_stored()
        return kept

    def propose(self, matches: Sequence[tuple[tuple[MovieState, ...], str]]) -> None:
        pairs = [({movie.final.number for movie in movies}, row) for movies, row in matches]
        import_matches.propose([(pks, row) for pks, row in pairs if len(pks) > 1])

    def store_poster(self, movie: MovieState, data: bytes) -> bool:
        sha256 = sha256_hex(data)
        row = Movie.objects.get(pk=movie.pk)
        if Poster.objects.filter(movie=row, sha256=sha256).exists() or was_removed(row, data):
            return False
        # Recorded first: after a crash in between, an undo finds no such poster, which is harmless.
        change, _ = ImportChange.objects.get_or_create(run=self._run, movie=row, defaults={"created": False})
        ImportChange.objects.filter(pk=change.pk).update(posters=sorted({*change.posters, sha256}))
        self._remember([row.pk])
        store_poster(row, data, source=FOLDER)
        return True

    def _remember(self, movies: Iterable[int]) -> None:
        self.before |= evidence_now([movie for movie in movies if movie not in self.before])

    def _record_changes(
        self, movies: Sequence[MovieState], created_ids: set[int], genres: Mapping[str, Genre]
    ) -> None:
        changes = [_change(movie, genres, created=id(movie) in created_ids) for movie in movies]
        earlier = {
            change.movie_id: change
            for change in ImportChange.objects.filter(
                run=self._run, movie__in=[movie.pk for movie in movies if id(movie) not in created_ids]
            )
        }
        for change in changes:
            change.run = self._run
            if first := earlier.get(change.movie_id):
                change.created = first.created
                change.facts = _joined(first.facts, change.facts)
                change.genres = _joined(first.genres, change.genres)
        ImportChange.objects.bulk_create(
            changes,
            update_conflicts=True,
            unique_fields=["run", "movie"],
            update_fields=["facts", "genres"],
        )


def read_movies(records: Sequence[TitleRecord], *, lock: bool) -> dict[Key, MovieState]:
    """The movies that may match the records, by each of their ids; `lock` needs a transaction.

    The id of a movie that was merged away leads to the one it was merged into.
    """
    keys = [key for record in records for key in lookup_keys(record)]
    wanted = Q(pk__in=[])
    for name in EXTERNAL_IDS:
        wanted |= Q(**{f"{name}__in": {value for key, value in keys if key == name}})
    movies, merged = _read(wanted, lock=lock)
    if missing := {into for _, into in merged} - {movie.pk for movie in movies}:
        movies += _read(Q(pk__in=missing), lock=lock)[0]
    by_pk = {movie.pk: movie for movie in movies}
    known = {key: movie for movie in movies for key in movie.ids()}
    return known | {key: by_pk[into] for key, into in merged if into in by_pk}


def _read(wanted: Q, *, lock: bool) -> tuple[list[MovieState], list[tuple[Key, int]]]:
    """The movies, and the ids of movies merged away with the key of the one that each leads to."""
    rows = Movie.everything.filter(wanted).order_by("pk")
    if lock:
        rows = rows.select_for_update()
    movies: list[MovieState] = []
    merged: list[tuple[Key, int]] = []
    columns = ("pk", "merged_into", "genres_locked", "text_version", *FACTS)
    for pk, into, locked, text_version, *values in rows.values_list(*columns):
        facts = {name: value for name, value in zip(FACTS, values, strict=True) if value not in ABSENT}
        movie = MovieState(pk, facts, genres_locked=locked, text_version=text_version)
        if into is None:
            movies.append(movie)
        else:
            merged += [(key, into) for key in movie.ids()]
    by_pk = {movie.pk: movie for movie in movies}
    genres = MovieGenre.objects.filter(movie__in=list(by_pk)).order_by()
    for pk, slug, origin in genres.values_list("movie", "genre__slug", "origin"):
        by_pk[pk].genres[slug] = origin
    for movie in movies:
        movie.mark_stored()
    return movies, merged


def _genres(movies: Sequence[MovieState], slugs: Mapping[str, str]) -> dict[str, Genre]:
    """The genre of each slug that the movies have or had; creates new ones."""
    used = {slug for movie in movies for slug in movie.genres.keys() | movie.stored_genres.keys()}
    found = {genre.slug: genre for genre in Genre.objects.filter(slug__in=used)}
    new = sorted(name for name, slug in slugs.items() if slug in used - found.keys())
    found |= {slugs[name]: genre for name, genre in zip(new, genre_rows(new), strict=True)}
    return found


def _update(movies: Sequence[MovieState]) -> None:
    changed = {
        name
        for movie in movies
        for name, value in movie.facts.items()
        if value != movie.stored_facts.get(name)
    }
    if not changed:
        return
    for movie in movies:
        movie.text_version += movie.has_new_texts
    rows = [
        Movie(pk=movie.pk, updated_at=timezone.now(), text_version=movie.text_version, **movie.facts)
        for movie in movies
        if movie.facts != movie.stored_facts
    ]
    # An upsert of existing, locked rows: bulk_update would add a CASE for each of them.
    Movie.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=[*sorted(changed), "text_version", "updated_at"],
    )


def _write_genres(movies: Sequence[MovieState], genres: Mapping[str, Genre]) -> None:
    gone: dict[int, list[int | None]] = defaultdict(list)
    for movie in movies:
        for slug in movie.stored_genres.keys() - movie.genres.keys():
            gone[genres[slug].pk].append(movie.pk)
    for genre, pks in gone.items():
        MovieGenre.objects.filter(genre=genre, movie__in=pks).delete()
    MovieGenre.objects.bulk_create(
        [
            MovieGenre(movie_id=movie.number, genre=genres[slug], origin=origin)
            for movie in movies
            for slug, origin in movie.genres.items()
            if movie.stored_genres.get(slug) != origin
        ],
        update_conflicts=True,
        unique_fields=["movie", "genre"],
        update_fields=["origin"],
    )


def _joined(first: dict[str, list[Any]], second: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Two successive changes as one: from the first value before to the last value after."""
    return first | {key: [first.get(key, pair)[0], pair[1]] for key, pair in second.items()}


def _change(movie: MovieState, genres: Mapping[str, Genre], *, created: bool) -> ImportChange:
    def differing(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Any]]:
        return {
            key: [before.get(key), after.get(key)]
            for key in {**before, **after}
            if before.get(key) != after.get(key)
        }

    origins = differing(movie.stored_genres, movie.genres)
    return ImportChange(
        movie_id=movie.number,
        created=created,
        facts=differing(movie.stored_facts, movie.facts),
        genres={str(genres[slug].pk): pair for slug, pair in origins.items()},
    )
