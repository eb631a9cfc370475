"""Recognise ids of movies in queries."""

from __future__ import annotations

import re
from urllib.parse import unquote

from django.db.models import Q

from catalog.external_ids import LARGEST_ID

_IMDB = re.compile(r"(?<![a-z0-9])tt[ :-]?0*([0-9]{1,10})(?![a-z0-9])", re.IGNORECASE)
_ADDRESS = re.compile(r"(themoviedb|movielens)\.org/(?:[a-z-]{2,5}/)?movies?/0*([0-9]{1,10})", re.IGNORECASE)
_NAMED = re.compile(
    r"(imdb|tmdb|themoviedb|movielens|ml)(?: ?id)?[ :#/=-]{1,3}(?:tt)?0*([0-9]{1,10})", re.IGNORECASE
)
_LOCAL = re.compile(r"local(?:_id)? ?[:=] ?(.+)", re.IGNORECASE)


def named_id(text: str) -> Q | None:
    """The condition for the movie with the id in `text`: "TT133093", "tmdb:603" or the URL of a movie's page.

    None if there is no id, or only a number that may also be a title.
    """
    text = unquote(text)
    if found := _IMDB.search(text):
        return _by_number("imdb", found[1])
    if found := _ADDRESS.search(text) or _NAMED.fullmatch(text):
        return _by_number(found[1].lower(), found[2])
    if found := _LOCAL.fullmatch(text):
        return Q(local_id=found[1])
    if re.fullmatch(r"0[0-9]{6,7}", text):
        return _by_number("imdb", text)
    return None


def possible_ids(text: str) -> list[Q]:
    """Conditions for movies whose id this text may be, most likely first.

    A number is more likely an id of TMDB or IMDb than of MovieLens, whose ids few people know.
    """
    likely = Q(local_id=text)
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > LARGEST_ID:
        return [likely]
    likely |= Q(tmdb_id=int(text))
    if len(text) >= 6:
        likely |= _by_number("imdb", text)
    return [likely, Q(movielens_id=int(text))]


def _by_number(site: str, digits: str) -> Q:
    number = int(digits)
    if site == "imdb":
        return Q(imdb_id=f"tt{number:07d}")
    column = "movielens_id" if site in ("movielens", "ml") else "tmdb_id"
    return Q(**{column: number}) if number <= LARGEST_ID else Q(pk__in=[])
