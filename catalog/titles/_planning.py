"""Decide what an import does with each row. Changes movies in memory only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError

from catalog.duplicates import import_matches
from catalog.duplicates.merging import UNIQUE_IDS, label_of
from catalog.external_ids import LARGEST_ID
from catalog.models import Genre, Movie, MovieGenre, Poster
from catalog.models.movie import EXTERNAL_IDS, TEXTS
from catalog.titles.formats._cells import FIRST_YEAR, LAST_YEAR
from catalog.titles.formats.records import TitleRecord

FACTS = ("title", "original_title", "year", "overview", "franchise", "poster_url", *EXTERNAL_IDS)
ABSENT = (None, "")
Key = tuple[str, Any]
IMPORTED, ACCEPTED, MANUAL = (
    MovieGenre.Origin.IMPORTED,
    MovieGenre.Origin.ACCEPTED,
    MovieGenre.Origin.MANUAL,
)
_MAX_GENRE_LENGTH = int(Genre._meta.get_field("name").max_length or 0)
_PARENTHESES = re.compile(r"\([^()]*\)")


@dataclass(slots=True, eq=False)
class MovieState:
    """A movie during an import, with the changes that rows made to it.

    pk: None until the movie is stored; a dry run counts down from -1. genres: origins by slug. absorbed: keys
    of movies that were merged into it. stored_facts, stored_genres: what the database contains. merged_into:
    the movie that this one was merged into. text_version: of the row in the database.
    """

    pk: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    genres: dict[str, str] = field(default_factory=dict)
    genres_locked: bool = False
    absorbed: set[int] = field(default_factory=set)
    stored_facts: dict[str, Any] = field(default_factory=dict)
    stored_genres: dict[str, str] = field(default_factory=dict)
    merged_into: MovieState | None = None
    text_version: int = 0

    def __str__(self) -> str:
        title, year = self.facts.get("title"), self.facts.get("year")
        named = f"{title} ({year})" if year else str(title)
        return f"{named} (no. {self.pk})" if self.pk and self.pk > 0 else f"{named} (new)"

    @property
    def is_dirty(self) -> bool:
        return self.facts != self.stored_facts or self.genres != self.stored_genres

    @property
    def has_new_texts(self) -> bool:
        """Whether title, year or overview differ from the database."""
        return any(self.facts.get(name) != self.stored_facts.get(name) for name in TEXTS)

    @property
    def pks(self) -> set[int]:
        """Keys of the rows in the database that are this movie."""
        return {pk for pk in (self.pk, *self.absorbed) if pk is not None and pk > 0}

    @property
    def final(self) -> MovieState:
        """This movie, or the one that it was merged into."""
        return self if self.merged_into is None else self.merged_into.final

    @property
    def number(self) -> int:
        """The `pk` of a stored movie."""
        if self.pk is None:
            raise LookupError(f"{self} is not stored yet.")
        return self.pk

    def ids(self) -> list[Key]:
        return [(name, self.facts[name]) for name in EXTERNAL_IDS if self.facts.get(name) not in ABSENT]

    def mark_stored(self) -> None:
        self.stored_facts, self.stored_genres = dict(self.facts), dict(self.genres)


class Verdict(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    CONFLICTING = "conflicting"
    REJECTED = "rejected"
    # The movies are the same film: merge them, and apply the row again.
    SAME_FILM = "same film"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one row. movies: the one it created or matches, or those it names as the same film."""

    record: TitleRecord
    verdict: Verdict
    movies: tuple[MovieState, ...] = ()
    why: str = ""
    proposed: bool = False


class Planner:
    """Applies rows to movies in memory, one after another.

    known: movies by each id that a row names. slugs: the slug of each genre name. merge: merge movies that
    one row names as the same film, if nothing contradicts it.
    """

    def __init__(
        self,
        known: dict[Key, MovieState],
        slugs: Mapping[str, str],
        *,
        merge: bool = False,
    ) -> None:
        self.known = known
        self._slugs = slugs
        self._merge = merge
        self._touched: dict[int, MovieState] = {}

    def pop_changed(self) -> list[MovieState]:
        """The movies that rows created or changed since the last call, in the order of the rows."""
        movies = [movie for movie in self._touched.values() if movie.is_dirty and movie.merged_into is None]
        self._touched.clear()
        return movies

    def replace(self, kept: MovieState, others: Iterable[MovieState]) -> None:
        """Apply later rows about `others` to `kept`."""
        gone = {id(other) for other in others}
        for other in others:
            other.merged_into = kept
        self.known.update({key: kept for key, movie in self.known.items() if id(movie) in gone})
        self.known.update(dict.fromkeys(kept.ids(), kept))

    def apply(self, record: TitleRecord) -> Outcome:
        """Create or change the row's movie, if the row is valid and matches at most one."""
        ids = ids_of(record)
        if not ids:
            return Outcome(
                record, Verdict.REJECTED, why="it has no id, so a second import would duplicate it"
            )
        matches = list({id(found): found for key in ids if (found := self.known.get(key))}.values())
        former = self.known.get(("local_id", record.former_local_id)) if record.former_local_id else None
        if former and record.title:
            # A title of punctuation only, such as "???", folds to nothing.
            same = record.title == former.facts.get("title")
            if same or _folded(record.title, record.original_title) & _folded_titles(former):
                matches += [former] if former not in matches else []
            elif record.was_local and not matches:
                why = f"its id was the local id of {former}, which has another title"
                return Outcome(record, Verdict.CONFLICTING, why=why)
        if not matches and record.poster_url and not record.title:
            listed = " or ".join(f"{label_of(name)} {value}" for name, value in ids)
            return Outcome(
                record, Verdict.CONFLICTING, why=f"no movie has the {listed}; import its title first"
            )
        if len(matches) > 1:
            # An invalid row is no evidence about movies either.
            given = {name: value for name in FACTS if (value := getattr(record, name)) not in ABSENT}
            if why := validation_error(record, given, is_new=False):
                return Outcome(record, Verdict.REJECTED, why=why)
            return self._match_several(record, matches)
        movie = matches[0] if matches else MovieState()
        if why := self._contradiction(record, movie):
            return Outcome(record, Verdict.CONFLICTING, why=why)
        changed = {
            name: value
            for name in FACTS
            if (value := getattr(record, name)) not in ABSENT
            and value != movie.facts.get(name)
            and not (name == "title" and record.tentative_title and matches)
            # The id may belong to a row that was merged into the movie, which has another.
            and (not matches or self.known.get((name, value)) is not movie)
        }
        if why := validation_error(record, changed, is_new=not matches):
            return Outcome(record, Verdict.REJECTED, why=why)
        movie.facts.update(changed)
        genres_changed = self._apply_genres(record, movie)
        self.known.update(dict.fromkeys(movie.ids(), movie))
        self._touched[id(movie)] = movie
        if not matches:
            return Outcome(record, Verdict.CREATED, (movie,))
        return Outcome(record, Verdict.CHANGED if changed or genres_changed else Verdict.UNCHANGED, (movie,))

    def _contradiction(self, record: TitleRecord, movie: MovieState) -> str:
        for name, value in ids_of(record):
            held = movie.facts.get(name)
            if held not in (*ABSENT, value) and self.known.get((name, value)) is not movie:
                return f"its {name} is {value}, but {movie} has the {name} {held} already"
        return ""

    def _match_several(self, record: TitleRecord, movies: list[MovieState]) -> Outcome:
        why = f"its ids belong to different movies: {' and '.join(map(str, movies))}"
        if differs := _differing_id(record, movies, UNIQUE_IDS):
            return Outcome(
                record,
                Verdict.CONFLICTING,
                why=f"{why}, which cannot be one film: their {label_of(differs)}s differ",
            )
        if import_matches.kept_apart([movie.pks for movie in movies]):
            return Outcome(record, Verdict.CONFLICTING, why=f"{why}, which a person has kept apart")
        if (
            self._merge
            and not _differing_id(record, movies, EXTERNAL_IDS)
            and _same_title_and_year(movies)
            and not has_human_decisions(movies)
        ):
            return Outcome(record, Verdict.SAME_FILM, tuple(movies))
        why += ". Merge them on the Duplicates page, or keep them apart, and import the row again"
        return Outcome(record, Verdict.CONFLICTING, tuple(movies), why, proposed=True)

    def _apply_genres(self, record: TitleRecord, movie: MovieState) -> bool:
        if movie.genres_locked:
            return False
        wanted = {self._slugs[name] for name in record.genres}
        # Imported takes precedence over accepted: the file now has the genre that a reviewer accepted.
        write = [slug for slug in wanted if movie.genres.get(slug) in (None, ACCEPTED)]
        # A row without genres removes none: the file does not know them.
        gone = [
            slug
            for slug, origin in movie.genres.items()
            if wanted and origin == IMPORTED and slug not in wanted
        ]
        movie.genres.update(dict.fromkeys(write, str(IMPORTED)))
        for slug in gone:
            del movie.genres[slug]
        return bool(write or gone)


def ids_of(record: TitleRecord) -> list[Key]:
    return [(name, value) for name in EXTERNAL_IDS if (value := getattr(record, name)) not in ABSENT]


def lookup_keys(record: TitleRecord) -> list[Key]:
    """The ids that may find the record's movie, including the one that an earlier import gave it."""
    former = [("local_id", record.former_local_id)] if record.former_local_id else []
    return [*ids_of(record), *former]


def is_valid_genre(name: str) -> bool:
    return 0 < len(name) <= _MAX_GENRE_LENGTH and _is_storable(name)


def validation_error(record: TitleRecord, changed: Mapping[str, Any], *, is_new: bool) -> str:
    """Why the database cannot store these facts; "" if it can."""
    errors = ["title: it is missing"] if is_new and not changed.get("title") else []
    for name, value in changed.items():
        if isinstance(value, str) and not _is_storable(value):
            errors.append(f"{name}: it contains characters that no database stores")
        elif name == "year" and not FIRST_YEAR <= value <= LAST_YEAR:
            errors.append(f"year: {value} is outside {FIRST_YEAR} to {LAST_YEAR}")
        elif isinstance(value, int) and not 0 <= value <= LARGEST_ID:  # SQLite stores larger ones
            errors.append(f"{name}: {value} is outside 0 to {LARGEST_ID}")
        else:
            try:
                Movie._meta.get_field(name).clean(value, None)  # type: ignore[union-attr]
            except ValidationError as error:
                errors += [f"{name}: {text}" for text in error.messages]
    errors += [
        f"genre: {name[:40]!r} is not a name of 1 to {_MAX_GENRE_LENGTH} characters"
        for name in record.genres
        if not is_valid_genre(name)
    ]
    return " ".join(errors)


def has_human_decisions(movies: Sequence[MovieState]) -> bool:
    """Whether a person set genres of one of the movies, or chose its poster."""
    if any(movie.genres_locked or MANUAL in movie.genres.values() for movie in movies):
        return True
    return Poster.objects.filter(movie__in={pk for movie in movies for pk in movie.pks}, locked=True).exists()


def _is_storable(text: str) -> bool:
    """Whether PostgreSQL stores the text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text))


def merge_target(movies: Sequence[MovieState]) -> MovieState:
    """The movie to merge the others into: the one with most ids and genres, of equals the oldest."""

    def rank(movie: MovieState) -> tuple[int, int, bool, int]:
        return len(movie.ids()), len(movie.genres), movie.number > 0, -abs(movie.number)

    return max(movies, key=rank)


def _differing_id(record: TitleRecord, movies: Sequence[MovieState], names: Iterable[str]) -> str:
    for name in names:
        values = {getattr(record, name), *(movie.facts.get(name) for movie in movies)} - {None, ""}
        if len(values) > 1:
            return name
    return ""


def _same_title_and_year(movies: Sequence[MovieState]) -> bool:
    years = [movie.facts["year"] for movie in movies if "year" in movie.facts]
    if len(years) < len(movies) or max(years) - min(years) > 1:
        return False
    return bool(set.intersection(*(_folded_titles(movie) for movie in movies)))


def _folded_titles(movie: MovieState) -> set[str]:
    """Title and original title without case, accents and punctuation, with and without parentheses."""
    return _folded(movie.facts.get("title") or "", movie.facts.get("original_title") or "")


def _folded(*titles: str) -> set[str]:
    return {
        folded
        for text in (*titles, *(_PARENTHESES.sub(" ", title) for title in titles))
        if (folded := "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if c.isalnum()))
    }
