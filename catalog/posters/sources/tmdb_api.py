"""Posters by The Movie Database's API, version 3: what to ask it, and how its answers are read.

https://developer.themoviedb.org/reference: /configuration tells where pictures lie and in which widths,
/find leads from an IMDb id to a film, /movie/<id> names its posters and the collection it belongs to.
"""

import json
import re
from collections.abc import Generator, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from catalog.external_ids import is_imdb_id

from .links import NoPosterFound, PosterLink, web_address
from .protocol import Answer, ExternalIds, Found, Question

LARGEST_ANSWER = 2_000_000
# Posters of a film that are told: more than anyone looks through to choose another.
MOST_POSTERS = 12
MOST_LISTED = 500
# Seconds: the places and widths of pictures change once in years, and TMDB asks not to be asked each time.
CONFIGURATION_HOLDS = 86_400
WIDEST = 780
LONGEST_FRANCHISE = 200

_FILE = re.compile(r"/[A-Za-z0-9_-]{1,200}\.(?:jpe?g|png|webp)", re.ASCII | re.IGNORECASE)
_WIDTH = re.compile(r"w(\d{2,4})", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2}(?:-[A-Z]{2})?", re.ASCII)
_BOUND = 2**31 - 1


def questions(ids: ExternalIds, languages: Sequence[str] = ()) -> Generator[Question, Answer, Found]:
    """What to ask for a film's poster, one address after another; the generator returns what was found.

    languages: codes such as `de` or `pt-BR`, the most wanted first. A poster in one of them is preferred,
    then what TMDB itself shows, then one without words.

    Raises NoPosterFound, and nothing else, whatever the answers are.
    """
    number = int(ids.tmdb_id) if ids.tmdb_id else None
    if number is None:
        imdb_id = ids.imdb_id or ""
        if not is_imdb_id(imdb_id):
            raise NoPosterFound("this movie has no id that it knows, it needs a TMDB or an IMDb id")
        answer = yield Question(f"/3/find/{imdb_id}?external_source=imdb_id")
        number = found_id(answer.body, imdb_id)
    wanted = [code for code in languages if _LANGUAGE.fullmatch(code)]
    path = f"/3/movie/{number}?append_to_response=images"
    if wanted:
        shown = ",".join(dict.fromkeys(code[:2] for code in wanted))
        path += f"&language={quote(wanted[0])}&include_image_language={shown},null"
    film = read(answer := (yield Question(path, decides=True)))
    files = posters(film, [code[:2] for code in wanted])
    if not files:
        raise NoPosterFound(f"{answer.url} names no poster")
    places = read((yield Question("/3/configuration", CONFIGURATION_HOLDS)))
    links = [
        PosterLink(addresses[0], addresses[1:], "TMDB API", language)
        for file, language in files.items()
        if (addresses := sizes(places, file))
    ]
    if not links:
        raise NoPosterFound("TMDB's configuration does not say where pictures are")
    return Found(
        tuple(links),
        page_url=f"https://www.themoviedb.org/movie/{number}",
        tmdb_id=number,
        franchise=collection(film),
    )


def read(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer. Raises NoPosterFound if it is none, or too large."""
    if len(answer.body) > LARGEST_ANSWER:
        raise NoPosterFound(f"{answer.url} has {len(answer.body):,} bytes; {LARGEST_ANSWER:,} is the most")
    try:
        value = json.loads(answer.body)
    except json.JSONDecodeError as error:
        raise NoPosterFound(f"{answer.url} is no JSON: {error}") from error
    except (ValueError, RecursionError) as error:
        # Python's words for bytes in no encoding, endless nesting and endless numbers help nobody here.
        raise NoPosterFound(f"{answer.url} is no JSON that can be read") from error
    if not isinstance(value, dict):
        raise NoPosterFound(f"{answer.url} holds no film")
    return value


def found_id(body: bytes, imdb_id: str) -> int:
    """The TMDB id that /find gives for an IMDb id. Raises NoPosterFound when there is no such film."""
    value = read(Answer(f"TMDB's answer for {imdb_id}", body))
    for film in _objects(value.get("movie_results")):
        number = film.get("id")
        if type(number) is int and 0 < number <= _BOUND:
            return number
    raise NoPosterFound(f"TMDB knows no movie with the IMDb id {imdb_id}")


def posters(film: dict[str, Any], languages: Sequence[str] = ()) -> dict[str, str]:
    """File names of a film's posters, each with its language, the one to show first; at most `MOST_POSTERS`.

    By language as wanted; then TMDB's own choice; then by votes and width, those without words before those
    in other languages.
    """
    images = film.get("images")
    listed = list(_objects(images.get("posters") if isinstance(images, dict) else None))
    own = _file(film.get("poster_path"))
    rank = {code: place for place, code in enumerate(languages)}
    ranked: dict[str, tuple[float, ...]] = {}
    spoken: dict[str, str] = {}
    for entry in listed:
        file, language = _file(entry.get("file_path")), entry.get("iso_639_1")
        if not file or file in ranked:
            continue
        place = rank.get(language, len(rank)) if isinstance(language, str) else len(rank)
        other = language is not None and place == len(rank)
        ranked[file] = (place, file != own, other, -_number(entry, "vote_average"), -_number(entry, "width"))
        spoken[file] = _language(entry)
    if own and own not in ranked:
        # The film's own poster is named without its language: it is the one that TMDB shows for the first.
        ranked[own] = (0 if not languages or not listed else len(rank), False, False, 0.0, 0.0)
    best = sorted(ranked, key=lambda file: (ranked[file], file))[:MOST_POSTERS]
    return {file: spoken.get(file, "") for file in best}


def sizes(configuration: dict[str, Any], file: str) -> tuple[str, ...]:
    """Addresses of a poster, best first: the widest of at most `WIDEST` pixels, the next, the original."""
    images = configuration.get("images")
    told = images if isinstance(images, dict) else {}
    base = web_address(told.get("secure_base_url"))
    if not base:
        return ()
    names = _strings(told.get("poster_sizes"))
    widths = sorted((int(found[1]) for name in names if (found := _WIDTH.fullmatch(name))), reverse=True)
    bounded = [f"w{width}" for width in widths if width <= WIDEST][:2]
    # An original may have tens of megabytes: only where there is nothing else.
    chosen = bounded or (["original"] if "original" in names else [])
    return tuple(f"{base.rstrip('/')}/{size}{file}" for size in chosen)


def collection(film: dict[str, Any]) -> str:
    """The name of the collection a film belongs to, such as "Alien Collection"; "" without one."""
    told = film.get("belongs_to_collection")
    name = told.get("name") if isinstance(told, dict) else None
    if not isinstance(name, str):
        return ""
    name = " ".join(name.split())
    return name if name.isprintable() and len(name) <= LONGEST_FRANCHISE else ""


def _file(value: object) -> str:
    return value if isinstance(value, str) and _FILE.fullmatch(value) else ""


def _language(entry: dict[str, Any]) -> str:
    """Such as "de"; "zxx" for a poster without words, "" where the entry says nothing that makes sense."""
    told = entry.get("iso_639_1", "")
    if told is None:
        return "zxx"
    return told if isinstance(told, str) and _LANGUAGE.fullmatch(told) else ""


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
