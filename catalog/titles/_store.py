"""Read the movies that a batch of rows may mean, and write what an import made of them, in few queries."""

from __future__ import annotations

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
from catalog.posters import changes
from catalog.posters.primary import store_poster
from catalog.posters.rejections import was_removed
from catalog.titles.formats.records import TitleRecord
from ml.imaging.images import sha256_hex

from ._planning import ABSENT, FACTS, Key, KnownMovie, best_kept, lookup_keys

FOLDER = "folder"


class Catalogue:
    """The catalogue as one import reads and changes it. All but `store_picture` needs a transaction."""

    def __init__(self, run: Run) -> None:
        self._run = run
        # The posters that movies showed before this import changed them.
        self.shown_before: dict[int, int | None] = {}

    def known(self, records: Sequence[TitleRecord]) -> dict[Key, KnownMovie]:
        """Movies that one of the records may mean, by each of their ids; locked."""
        return known_movies(records, lock=True)

    def slugs(self, names: Iterable[str]) -> dict[str, str]:
        """The slug of the genre that each name means here, or would mean once it is made."""
        listed = sorted(set(names))
        return dict(zip(listed, keys_of(listed), strict=True))

    def kept_apart(self, movies: Sequence[KnownMovie]) -> bool:
        return import_matches.kept_apart([movie.pks for movie in movies])

    def touched_by_people(self, movies: Sequence[KnownMovie]) -> bool:
        return touched_by_people(movies)

    def write(self, movies: Sequence[KnownMovie], slugs: Mapping[str, str]) -> None:
        """Store new and changed movies and their genres, and note what was there before.

        slugs: by the names that rows gave; genres that are new are made with these. Raises IntegrityError.
        """
        if not movies:
            return
        genres = _genres(movies, slugs)
        new = [movie for movie in movies if movie.pk is None]
        created = Movie.objects.bulk_create([Movie(**movie.facts) for movie in new])
        for movie, row in zip(new, created, strict=True):
            movie.pk = row.pk
        fresh = set(map(id, new))
        _update([movie for movie in movies if id(movie) not in fresh])
        search.index(movie.number for movie in movies)
        _write_genres(movies, genres)
        self._note(movies, fresh, genres)
        for movie in movies:
            movie.is_stored()

    def merge(self, movies: Sequence[KnownMovie], said: str) -> KnownMovie:
        """Make one of stored movies; returns it as it is then. Raises merging.CannotMerge."""
        kept = best_kept(movies)
        others = [movie for movie in movies if movie is not kept]
        self._remember_shown(kept.number)
        import_matches.merge(self._run, kept.number, [movie.number for movie in others], said)
        [now] = _read(Q(pk=kept.pk), lock=True)[0]
        kept.facts, kept.genres, kept.genres_locked = now.facts, now.genres, now.genres_locked
        kept.absorbed |= {pk for movie in others for pk in movie.pks}
        kept.is_stored()
        return kept

    def propose(self, found: Sequence[tuple[tuple[KnownMovie, ...], str]]) -> None:
        pairs = [({movie.final.number for movie in movies}, said) for movies, said in found]
        import_matches.propose([(pks, said) for pks, said in pairs if len(pks) > 1])

    def store_picture(self, movie: KnownMovie, data: bytes) -> bool:
        """Store the picture as the movie's poster; False when it has it, or a person took it away.

        Raises ml.imaging.images.ImageRejected and Movie.DoesNotExist.
        """
        sha256 = sha256_hex(data)
        row = Movie.objects.get(pk=movie.pk)
        if Poster.objects.filter(movie=row, sha256=sha256).exists() or was_removed(row, data):
            return False
        # Noted first: should this end in between, an undo looks for a picture that is not there.
        change, _ = ImportChange.objects.get_or_create(run=self._run, movie=row, defaults={"created": False})
        ImportChange.objects.filter(pk=change.pk).update(posters=sorted({*change.posters, sha256}))
        self._remember_shown(row.pk)
        store_poster(row, data, source=FOLDER)
        return True

    def _remember_shown(self, movie: int) -> None:
        if movie not in self.shown_before:
            self.shown_before |= changes.shown_posters([movie])

    def _note(self, movies: Sequence[KnownMovie], fresh: set[int], genres: Mapping[str, Genre]) -> None:
        notes = [_change(movie, genres, created=id(movie) in fresh) for movie in movies]
        noted = {
            change.movie_id: change
            for change in ImportChange.objects.filter(
                run=self._run, movie__in=[movie.pk for movie in movies if id(movie) not in fresh]
            )
        }
        for note in notes:
            note.run = self._run
            if before := noted.get(note.movie_id):
                note.created = before.created
                note.facts = before.facts | {
                    name: [before.facts.get(name, pair)[0], pair[1]] for name, pair in note.facts.items()
                }
                note.genres = before.genres | {
                    key: [before.genres.get(key, pair)[0], pair[1]] for key, pair in note.genres.items()
                }
        ImportChange.objects.bulk_create(
            notes,
            update_conflicts=True,
            unique_fields=["run", "movie"],
            update_fields=["facts", "genres"],
        )


def known_movies(records: Sequence[TitleRecord], *, lock: bool) -> dict[Key, KnownMovie]:
    """Movies that one of the records may mean, by each of their ids; `lock` needs a transaction.

    An id that stayed with a row merged away means the movie it was merged into.
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


def touched_by_people(movies: Sequence[KnownMovie]) -> bool:
    """Whether a person set genres of one of the movies, or chose its poster."""
    by_hand = any(
        movie.genres_locked or MovieGenre.Origin.MANUAL in movie.genres.values() for movie in movies
    )
    pks = {pk for movie in movies for pk in movie.pks}
    return by_hand or Poster.objects.filter(movie__in=pks, locked=True).exists()


def _read(wanted: Q, *, lock: bool) -> tuple[list[KnownMovie], list[tuple[Key, int]]]:
    """The movies, and the ids of rows merged away with the movie that each leads to."""
    rows = Movie.everything.filter(wanted).order_by("pk")
    if lock:
        rows = rows.select_for_update()
    movies: list[KnownMovie] = []
    merged: list[tuple[Key, int]] = []
    for pk, into, locked, *values in rows.values_list("pk", "merged_into", "genres_locked", *FACTS):
        facts = {name: value for name, value in zip(FACTS, values, strict=True) if value not in ABSENT}
        movie = KnownMovie(pk, facts, genres_locked=locked)
        if into is None:
            movies.append(movie)
        else:
            merged += [(key, into) for key in movie.ids()]
    by_pk = {movie.pk: movie for movie in movies}
    genres = MovieGenre.objects.filter(movie__in=list(by_pk)).order_by()
    for pk, slug, origin in genres.values_list("movie", "genre__slug", "origin"):
        by_pk[pk].genres[slug] = origin
    for movie in movies:
        movie.is_stored()
    return movies, merged


def _genres(movies: Sequence[KnownMovie], slugs: Mapping[str, str]) -> dict[str, Genre]:
    """The genre of each slug that these movies have or had, made where rows brought a new one."""
    used = {slug for movie in movies for slug in movie.genres.keys() | movie.stored_genres.keys()}
    found = {genre.slug: genre for genre in Genre.objects.filter(slug__in=used)}
    new = sorted(name for name, slug in slugs.items() if slug in used - found.keys())
    found |= {slugs[name]: genre for name, genre in zip(new, genre_rows(new), strict=True)}
    return found


def _update(movies: Sequence[KnownMovie]) -> None:
    changed = {
        name
        for movie in movies
        for name, value in movie.facts.items()
        if value != movie.stored_facts.get(name)
    }
    if not changed:
        return
    rows = [
        Movie(pk=movie.pk, updated_at=timezone.now(), **movie.facts)
        for movie in movies
        if movie.facts != movie.stored_facts
    ]
    # One statement for rows that are there and locked: bulk_update would write a CASE for each of them.
    Movie.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["id"], update_fields=[*sorted(changed), "updated_at"]
    )


def _write_genres(movies: Sequence[KnownMovie], genres: Mapping[str, Genre]) -> None:
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


def _change(movie: KnownMovie, genres: Mapping[str, Genre], *, created: bool) -> ImportChange:
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
