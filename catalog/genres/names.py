"""Names of genres: their canonical spelling, their slugs, and the rows behind a list of names."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from django.utils.text import slugify

from catalog.models import Genre

MAX_SLUG_LENGTH = 60
MAX_NAME_LENGTH = 60

_NO_GENRE = frozenset({"", "no genres listed", "n/a", "na", "none", "nan", "null", "-", "unknown"})

# Keys are what _folded() makes of a spelling: lower case, letters and digits only.
_CANONICAL = {
    "action": "Action",
    "adult": "Adult",
    "adventure": "Adventure",
    "animated": "Animation",
    "animation": "Animation",
    "anime": "Anime",
    "biography": "Biography",
    "biopic": "Biography",
    "child": "Children",
    "children": "Children",
    "childrens": "Children",
    "comedy": "Comedy",
    "crime": "Crime",
    "documentary": "Documentary",
    "drama": "Drama",
    "family": "Family",
    "fantasy": "Fantasy",
    "filmnoir": "Film-Noir",
    "foreign": "Foreign",
    "gameshow": "Game-Show",
    "historical": "History",
    "history": "History",
    "horror": "Horror",
    "imax": "IMAX",
    "music": "Music",
    "musical": "Musical",
    "mystery": "Mystery",
    "news": "News",
    "noir": "Film-Noir",
    "realitytv": "Reality-TV",
    "romance": "Romance",
    "romantic": "Romance",
    "scifi": "Sci-Fi",
    "sciencefiction": "Sci-Fi",
    "sf": "Sci-Fi",
    "short": "Short",
    "sport": "Sport",
    "sports": "Sport",
    "talkshow": "Talk-Show",
    "thriller": "Thriller",
    "tvmovie": "TV Movie",
    "war": "War",
    "western": "Western",
}


def canonical_genre(text: str) -> str | None:
    """The canonical spelling of a genre's name, or None if `text` means that there is no genre.

    For the genres of MovieLens, TMDB and IMDb, spaces, case, hyphens and apostrophes do not matter. Genres
    that one of these sites separates stay separate: Music and Musical, Children and Family. Any other name
    keeps its words; if it is all lower case or all upper case it is capitalised, so that "boots" and "BOOTS"
    are one genre.

    Raises ValueError for a name over MAX_NAME_LENGTH characters or with control characters.
    """
    name = " ".join(text.split())
    if name.casefold().strip("()") in _NO_GENRE:
        return None
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"a genre name has {len(name)} characters; the limit is {MAX_NAME_LENGTH}")
    if not name.isprintable():
        raise ValueError(f"a genre name contains control characters: {name!r}")
    return _capitalised(name)


# A file of a million titles has about twenty genres.
@lru_cache(maxsize=1_000)
def _capitalised(name: str) -> str:
    known = _CANONICAL.get(_folded(name))
    if known:
        return known
    if name == name.lower() or (name == name.upper() and len(name) > 3):
        return re.sub(r"(?<![^\s/&-])\w", _capital, "".join(map(_small, name)))
    return name


def _small(letter: str) -> str:
    return letter.lower() if len(letter.lower()) == 1 else letter


def _capital(first: re.Match[str]) -> str:
    # "ß" would become "SS": two letters, which would be spelled differently the next time.
    capital = first[0].upper()
    return capital if len(capital) == 1 else first[0]


def _folded(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def genre_rows(names: Sequence[str]) -> list[Genre]:
    """The genre of each name, in the same order; missing ones are created.

    Names with the same slug are one genre, and so are names with the same canonical spelling.
    """
    slugs = [slug_of(name) for name in names]
    rows = _existing(names, slugs)
    if None in rows:
        missing = {
            slug: Genre(slug=slug, name=name)
            for slug, name, row in zip(slugs, names, rows, strict=True)
            if row is None
        }
        Genre.objects.bulk_create(missing.values(), ignore_conflicts=True)
        rows = _existing(names, slugs)
    return [row for row in rows if row is not None]


def keys_of(names: Sequence[str], planned: Sequence[Genre] = ()) -> list[str]:
    """The slug of the genre of each name, or the slug of the genre that would be created for it.

    Equal keys mean the same genre, however models and sources spell it. `planned` genres count as existing.
    """
    slugs = [slug_of(name) for name in names]
    rows = _existing(names, slugs, planned)
    return [slug if row is None else row.slug for slug, row in zip(slugs, rows, strict=True)]


def slug_of(name: str) -> str:
    """The ASCII slug of a genre's name; if it would lose letters of another script, with a digest."""
    plain = slugify(name)
    letters = sum(c.isalnum() for c in unicodedata.normalize("NFKD", name))
    if sum(c.isalnum() for c in plain) == letters > 0 and len(plain) <= MAX_SLUG_LENGTH:
        return plain
    digest = hashlib.sha256(" ".join(name.casefold().split()).encode()).hexdigest()[:8]
    return f"{plain[: MAX_SLUG_LENGTH - 9]}-{digest}".strip("-")


def _existing(
    names: Sequence[str], slugs: Sequence[str], planned: Sequence[Genre] = ()
) -> list[Genre | None]:
    genres = list(Genre.objects.order_by("-pk"))
    by_slug = {genre.slug: genre for genre in (*planned, *genres)}
    # A genre that a person created may have any slug.
    by_name = {genre.name: genre for genre in (*planned, *genres)}
    rows = [by_slug.get(slug) or by_name.get(name) for slug, name in zip(slugs, names, strict=True)]
    if None not in rows:
        return rows
    # It may also have another spelling: "Science Fiction" is the "Sci-Fi" of sources and models.
    by_spelling = {_canonical_or_same(genre.name): genre for genre in (*reversed(planned), *genres)}
    return [row or by_spelling.get(_canonical_or_same(name)) for row, name in zip(rows, names, strict=True)]


def _canonical_or_same(name: str) -> str:
    with suppress(ValueError):
        return canonical_genre(name) or name
    return name
