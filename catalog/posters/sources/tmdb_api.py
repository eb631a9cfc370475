"""Posters and overviews from the API of The Movie Database, version 3.

https://developer.themoviedb.org/reference: /configuration lists the address and widths of images, /find
converts an IMDb id to a film, /movie/<id> has its overview, its posters and the collection it belongs to.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from catalog.external_ids import is_imdb_id

from . import overviews
from .links import NoPosterFound, PosterLink, web_address
from .protocol import ExternalIds, Found, Get, SourceResponse

LARGEST_RESPONSE = 2_000_000
# More posters than anyone views to choose another.
MOST_POSTERS = 12
MOST_LISTED = 500
# Seconds. The configuration changes once in years, and TMDB's documentation demands caching.
CONFIGURATION_TTL = 86_400
WIDEST = 780
LONGEST_FRANCHISE = 200

_FILE = re.compile(r"/[A-Za-z0-9_-]{1,200}\.(?:jpe?g|png|webp)", re.ASCII | re.IGNORECASE)
_WIDTH = re.compile(r"w(\d{2,4})", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2}(?:-[A-Z]{2})?", re.ASCII)
_BOUND = 2**31 - 1


def find(ids: ExternalIds, get: Get, languages: Sequence[str] = ()) -> Found:
    """The film's posters, and its overview in the first of the `languages`.

    languages: codes such as `de` or `pt-BR`, the preferred one first. Posters in one of them come first, then
    the one that TMDB itself shows, then those without words.

    Raises NoPosterFound, and what `get` raises, whatever the responses are.
    """
    number = int(ids.tmdb_id) if ids.tmdb_id else None
    if number is None:
        imdb_id = ids.imdb_id or ""
        if not is_imdb_id(imdb_id):
            raise NoPosterFound("the source needs a TMDB or an IMDb id, and this movie has none")
        number = found_id(get(f"/3/find/{imdb_id}?external_source=imdb_id").body, imdb_id)
    wanted = [code for code in languages if _LANGUAGE.fullmatch(code)]
    path = f"/3/movie/{number}?append_to_response=images"
    if wanted:
        shown = ",".join(dict.fromkeys(code[:2] for code in wanted))
        path += f"&language={quote(wanted[0])}&include_image_language={shown},null"
    response = get(path, is_validator=True)
    film = read(response)
    files = posters(film, [code[:2] for code in wanted])
    overview = overviews.in_json(film, number)
    if not files:
        raise NoPosterFound(f"{response.url} lists no poster", overview)
    configuration = read(get("/3/configuration", ttl=CONFIGURATION_TTL))
    links = [
        PosterLink(addresses[0], addresses[1:], "TMDB API", language)
        for file, language in files.items()
        if (addresses := sizes(configuration, file))
    ]
    if not links:
        raise NoPosterFound("TMDB's configuration lists no address of images", overview)
    return Found(
        tuple(links),
        page_url=f"https://www.themoviedb.org/movie/{number}",
        tmdb_id=number,
        franchise=collection(film),
        overview=overview,
    )


def read(response: SourceResponse) -> dict[str, Any]:
    """The JSON object in a response. Raises NoPosterFound if it is none, or too large."""
    if len(response.body) > LARGEST_RESPONSE:
        raise NoPosterFound(
            f"{response.url} has {len(response.body):,} bytes; the limit is {LARGEST_RESPONSE:,}"
        )
    try:
        value = json.loads(response.body)
    except json.JSONDecodeError as error:
        raise NoPosterFound(f"{response.url} is not JSON: {error}") from error
    except (ValueError, RecursionError) as error:
        # Python's messages about encodings, nesting and long numbers help nobody here.
        raise NoPosterFound(f"{response.url} is not readable as JSON") from error
    if not isinstance(value, dict):
        raise NoPosterFound(f"{response.url} is no JSON object")
    return value


def found_id(body: bytes, imdb_id: str) -> int:
    """The TMDB id that /find gives for an IMDb id. Raises NoPosterFound when there is no such film."""
    value = read(SourceResponse(f"TMDB's response for {imdb_id}", body))
    for film in _objects(value.get("movie_results")):
        number = film.get("id")
        if type(number) is int and 0 < number <= _BOUND:
            return number
    raise NoPosterFound(f"TMDB knows no movie with the IMDb id {imdb_id}")


def posters(film: dict[str, Any], languages: Sequence[str] = ()) -> dict[str, str]:
    """File names of a film's posters, each with its language, the one to show first; at most `MOST_POSTERS`.

    By preferred language; then TMDB's own choice; then by votes and width, those without words before those
    in other languages.
    """
    images = film.get("images")
    listed = list(_objects(images.get("posters") if isinstance(images, dict) else None))
    own = _file(film.get("poster_path"))
    rank = {code: place for place, code in enumerate(languages)}
    ranked: dict[str, tuple[float, ...]] = {}
    language_of: dict[str, str] = {}
    for entry in listed:
        file, language = _file(entry.get("file_path")), entry.get("iso_639_1")
        if not file or file in ranked:
            continue
        place = rank.get(language, len(rank)) if isinstance(language, str) else len(rank)
        other = language is not None and place == len(rank)
        ranked[file] = (place, file != own, other, -_number(entry, "vote_average"), -_number(entry, "width"))
        language_of[file] = _language(entry)
    if own and own not in ranked:
        # TMDB lists the film's own poster without its language: it is the one for the first language.
        ranked[own] = (0 if not languages or not listed else len(rank), False, False, 0.0, 0.0)
    best = sorted(ranked, key=lambda file: (ranked[file], file))[:MOST_POSTERS]
    return {file: language_of.get(file, "") for file in best}


def sizes(configuration: dict[str, Any], file: str) -> tuple[str, ...]:
    """Addresses of a poster, best first: the widest of at most `WIDEST` pixels, the next, the original."""
    images = configuration.get("images")
    images = images if isinstance(images, dict) else {}
    base = web_address(images.get("secure_base_url"))
    if not base:
        return ()
    names = _strings(images.get("poster_sizes"))
    widths = sorted((int(found[1]) for name in names if (found := _WIDTH.fullmatch(name))), reverse=True)
    bounded = [f"w{width}" for width in widths if width <= WIDEST][:2]
    # An original may have tens of megabytes: only where there is nothing else.
    chosen = bounded or (["original"] if "original" in names else [])
    return tuple(f"{base.rstrip('/')}/{size}{file}" for size in chosen)


def collection(film: dict[str, Any]) -> str:
    """The name of the collection a film belongs to, such as "Alien Collection"; "" without one."""
    belongs_to = film.get("belongs_to_collection")
    name = belongs_to.get("name") if isinstance(belongs_to, dict) else None
    if not isinstance(name, str):
        return ""
    name = " ".join(name.split())
    return name if name.isprintable() and len(name) <= LONGEST_FRANCHISE else ""


def _file(value: object) -> str:
    return value if isinstance(value, str) and _FILE.fullmatch(value) else ""


def _language(entry: dict[str, Any]) -> str:
    """Such as "de"; "zxx" for a poster without words, "" if the entry has no valid language."""
    language = entry.get("iso_639_1", "")
    if language is None:
        return "zxx"
    return language if isinstance(language, str) and _LANGUAGE.fullmatch(language) else ""


def _objects(value: object) -> Iterator[dict[str, Any]]:
    for entry in value[:MOST_LISTED] if isinstance(value, list) else ():
        if isinstance(entry, dict):
            yield entry


def _strings(value: object) -> list[str]:
    entries = value[:MOST_LISTED] if isinstance(value, list) else []
    return [entry for entry in entries if isinstance(entry, str)]


def _number(entry: dict[str, Any], name: str) -> float:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _BOUND:
        return 0.0
    return float(value)
