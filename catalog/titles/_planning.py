"""Decide what an import makes of each row, in memory: nothing here reads or writes the catalogue."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from django.core.exceptions import ValidationError

from catalog.duplicates.merging import ONE_PER_FILM, label_of
from catalog.external_ids import LARGEST_ID
from catalog.models import Genre, Movie, MovieGenre
from catalog.models.movie import EXTERNAL_IDS
from catalog.titles.formats._cells import FIRST_YEAR, LAST_YEAR
from catalog.titles.formats.records import TitleRecord

FACTS = ("title", "original_title", "year", "overview", "franchise", "poster_url", *EXTERNAL_IDS)
ABSENT = (None, "")
Key = tuple[str, Any]
IMPORTED, ACCEPTED = MovieGenre.Origin.IMPORTED, MovieGenre.Origin.ACCEPTED
_LONGEST_GENRE = int(Genre._meta.get_field("name").max_length or 0)
_PARENTHESES = re.compile(r"\([^()]*\)")


@dataclass(slots=True, eq=False)
class KnownMovie:
    """A movie as an import knows it. `pk` is None until it is stored; a dry run numbers its own from -1 down.

    genres: origin by the genre's slug. absorbed: rows that were merged into it during this import.
    stored_facts, stored_genres: what the catalogue holds. into: the movie that this one was merged into.
    """

    pk: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    genres: dict[str, str] = field(default_factory=dict)
    genres_locked: bool = False
    absorbed: set[int] = field(default_factory=set)
    stored_facts: dict[str, Any] = field(default_factory=dict)
    stored_genres: dict[str, str] = field(default_factory=dict)
    into: KnownMovie | None = None

    def __str__(self) -> str:
        title, year = self.facts.get("title"), self.facts.get("year")
        named = f"{title} ({year})" if year else str(title)
        return f"{named} (no. {self.pk})" if self.pk and self.pk > 0 else f"{named} (new)"

    @property
    def is_dirty(self) -> bool:
        return self.facts != self.stored_facts or self.genres != self.stored_genres

    @property
    def pks(self) -> set[int]:
        """Rows of the catalogue that are this movie."""
        return {pk for pk in (self.pk, *self.absorbed) if pk is not None and pk > 0}

    @property
    def final(self) -> KnownMovie:
        """The movie itself, or the one that it was merged into."""
        return self if self.into is None else self.into.final

    @property
    def number(self) -> int:
        """Its `pk`, once it has one."""
        if self.pk is None:
            raise LookupError(f"{self} is not stored yet.")
        return self.pk

    def ids(self) -> list[Key]:
        return [(name, self.facts[name]) for name in EXTERNAL_IDS if self.facts.get(name) not in ABSENT]

    def is_stored(self) -> None:
        self.stored_facts, self.stored_genres = dict(self.facts), dict(self.genres)


class Verdict(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    CONFLICTING = "conflicting"
    REJECTED = "rejected"
    # These movies are one film: merge them and take the row again.
    ONE_FILM = "one film"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one row; `movies` are the one it made or met, or those it would make one."""

    record: TitleRecord
    verdict: Verdict
    movies: tuple[KnownMovie, ...] = ()
    why: str = ""
    proposed: bool = False


class PeoplesWord(Protocol):
    """What people said that stands in the way of taking two movies for one."""

    def kept_apart(self, movies: Sequence[KnownMovie]) -> bool: ...

    def touched_by_people(self, movies: Sequence[KnownMovie]) -> bool: ...


class Planner:
    """Takes rows one after another and changes what it knows of the movies, as writing them would.

    known: movies by each id that a row names. slugs: the slug of the genre that each name means. merge: take
    movies that one row names for one film where nothing contradicts it.
    """

    def __init__(
        self,
        known: dict[Key, KnownMovie],
        slugs: Mapping[str, str],
        people: PeoplesWord,
        *,
        merge: bool = False,
    ) -> None:
        self.known = known
        self._slugs = slugs
        self._people = people
        self._merge = merge
        self._touched: dict[int, KnownMovie] = {}

    def changed_movies(self) -> list[KnownMovie]:
        """The movies that rows have made or changed and that are not stored so yet, in the rows' order."""
        movies = [movie for movie in self._touched.values() if movie.is_dirty and movie.into is None]
        self._touched.clear()
        return movies

    def merged(self, kept: KnownMovie, others: Iterable[KnownMovie]) -> None:
        """Take `others` for `kept` from now on."""
        gone = {id(other) for other in others}
        for other in others:
            other.into = kept
        self.known.update({key: kept for key, movie in self.known.items() if id(movie) in gone})
        self.known.update(dict.fromkeys(kept.ids(), kept))

    def take(self, record: TitleRecord) -> Outcome:
        """What becomes of the row; a movie that it makes or changes is known so to the rows after it."""
        ids = ids_of(record)
        if not ids:
            return Outcome(record, Verdict.REJECTED, why="it has no id, so a second import would double it")
        matches = list({id(found): found for key in ids if (found := self.known.get(key))}.values())
        former = self.known.get(("local_id", record.former_local_id)) if record.former_local_id else None
        if former and record.title:
            # A title of signs only, such as "???", folds to nothing.
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
            # What such a row says about movies is not believed either.
            given = {name: value for name in FACTS if (value := getattr(record, name)) not in ABSENT}
            if why := fault(record, given, is_new=False):
                return Outcome(record, Verdict.REJECTED, why=why)
            return self._several(record, matches)
        movie = matches[0] if matches else KnownMovie()
        if why := self._contradiction(record, movie):
            return Outcome(record, Verdict.CONFLICTING, why=why)
        changed = {
            name: value
            for name in FACTS
            if (value := getattr(record, name)) not in ABSENT
            and value != movie.facts.get(name)
            and not (name == "title" and record.tentative_title and matches)
            # An id that leads here although the movie shows another: a row merged away has it.
            and (not matches or self.known.get((name, value)) is not movie)
        }
        if why := fault(record, changed, is_new=not matches):
            return Outcome(record, Verdict.REJECTED, why=why)
        movie.facts.update(changed)
        genres_changed = self._take_genres(record, movie)
        self.known.update(dict.fromkeys(movie.ids(), movie))
        self._touched[id(movie)] = movie
        if not matches:
            return Outcome(record, Verdict.CREATED, (movie,))
        return Outcome(record, Verdict.CHANGED if changed or genres_changed else Verdict.UNCHANGED, (movie,))

    def _contradiction(self, record: TitleRecord, movie: KnownMovie) -> str:
        for name, value in ids_of(record):
            held = movie.facts.get(name)
            if held not in (*ABSENT, value) and self.known.get((name, value)) is not movie:
                return f"its {name} is {value}, but {movie} has the {name} {held} already"
        return ""

    def _several(self, record: TitleRecord, movies: list[KnownMovie]) -> Outcome:
        why = f"its ids belong to different movies: {' and '.join(map(str, movies))}"
        if differs := _differing_id(record, movies, ONE_PER_FILM):
            return Outcome(
                record,
                Verdict.CONFLICTING,
                why=f"{why}, which cannot be one film, for their {label_of(differs)}s differ",
            )
        if self._people.kept_apart(movies):
            return Outcome(record, Verdict.CONFLICTING, why=f"{why}, which a person has kept apart")
        if (
            self._merge
            and not _differing_id(record, movies, EXTERNAL_IDS)
            and _same_title_and_year(movies)
            and not self._people.touched_by_people(movies)
        ):
            return Outcome(record, Verdict.ONE_FILM, tuple(movies))
        why += ". They wait on the Duplicates page: merge them there, or keep them apart, and import it again"
        return Outcome(record, Verdict.CONFLICTING, tuple(movies), why, proposed=True)

    def _take_genres(self, record: TitleRecord, movie: KnownMovie) -> bool:
        if movie.genres_locked:
            return False
        wanted = {self._slugs[name] for name in record.genres}
        # Imported beats accepted: the source now says itself what a reviewer had accepted.
        write = [slug for slug in wanted if movie.genres.get(slug) in (None, ACCEPTED)]
        # An untagged row takes nothing away: the source does not know, which is no statement.
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
    """The ids by which the record's movie may be known: also the one that the same file gave it before."""
    former = [("local_id", record.former_local_id)] if record.former_local_id else []
    return [*ids_of(record), *former]


def usable_genre(name: str) -> bool:
    return 0 < len(name) <= _LONGEST_GENRE and _storable(name)


def fault(record: TitleRecord, changed: Mapping[str, Any], *, is_new: bool) -> str:
    """Why the catalogue cannot hold these facts, in a sentence; empty when it can."""
    said = ["title: there is none"] if is_new and not changed.get("title") else []
    for name, value in changed.items():
        if isinstance(value, str) and not _storable(value):
            said.append(f"{name}: it holds characters that no database takes")
            continue
        if name == "year" and not FIRST_YEAR <= value <= LAST_YEAR:
            said.append(f"year: {value} is outside {FIRST_YEAR} to {LAST_YEAR}")
            continue
        # SQLite takes larger ones, and PostgreSQL does not.
        if isinstance(value, int) and not 0 <= value <= LARGEST_ID:
            said.append(f"{name}: {value} is outside 0 to {LARGEST_ID}")
            continue
        try:
            Movie._meta.get_field(name).clean(value, None)  # type: ignore[union-attr]
        except ValidationError as error:
            said += [f"{name}: {text}" for text in error.messages]
    said += [
        f"genre: {name[:40]!r} is not a name of 1 to {_LONGEST_GENRE} characters"
        for name in record.genres
        if not usable_genre(name)
    ]
    return " ".join(said)


def _storable(text: str) -> bool:
    """Whether PostgreSQL takes the text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text))


def best_kept(movies: Sequence[KnownMovie]) -> KnownMovie:
    """Which of stored movies that are one film goes on: the one that knows most, of equals the first."""

    def worth(movie: KnownMovie) -> tuple[int, int, bool, int]:
        return len(movie.ids()), len(movie.genres), movie.number > 0, -abs(movie.number)

    return max(movies, key=worth)


def _differing_id(record: TitleRecord, movies: Sequence[KnownMovie], names: Iterable[str]) -> str:
    for name in names:
        values = {getattr(record, name), *(movie.facts.get(name) for movie in movies)} - {None, ""}
        if len(values) > 1:
            return name
    return ""


def _same_title_and_year(movies: Sequence[KnownMovie]) -> bool:
    years = [movie.facts["year"] for movie in movies if "year" in movie.facts]
    if len(years) < len(movies) or max(years) - min(years) > 1:
        return False
    return bool(set.intersection(*(_folded_titles(movie) for movie in movies)))


def _folded_titles(movie: KnownMovie) -> set[str]:
    """Title and original title without case, accents and punctuation, and without what is in parentheses."""
    return _folded(movie.facts.get("title") or "", movie.facts.get("original_title") or "")


def _folded(*titles: str) -> set[str]:
    return {
        folded
        for text in (*titles, *(_PARENTHESES.sub(" ", title) for title in titles))
        if (folded := "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if c.isalnum()))
    }
