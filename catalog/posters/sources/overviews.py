"""Overviews of films in the metadata of their pages and in API responses, as plain text.

A text of the site itself is no overview: its slogan, who directed the film, that nobody wrote an overview.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from catalog.overviews import MAX_OVERVIEW_LENGTH, plain_overview

from .links import linked_data

if TYPE_CHECKING:
    from .html_metadata import Page

# Fewer characters are a certificate, a year or a name.
SHORTEST = 15
# Tags and entities of a longer text take time, and are cut off with the rest.
_LONGEST_MARKUP = 4 * MAX_OVERVIEW_LENGTH

# JSON-LD describes the site, people and reviews too. IMDb's pages of series have the same layout.
_FILM_TYPES = frozenset({"Movie", "TVSeries", "TVEpisode"})
# As in HTML, a tag that is not closed goes on to the end.
_TAG = re.compile(r"<[A-Za-z/!?][^>]*>?")
_BOILERPLATE = re.compile(
    r"""
      \b(?: imdb | tmdb | themoviedb | the\ movie\ database )\b      # slogans, requests to contribute
    | we\ don['’]t\ have\ an?\ (?: overview | plot )
    | ^no\ (?: overview | plot | description | synopsis )\b
    | ^(?: the\ )?plot\ (?: is\ | details\ | are\ )*(?: currently\ )?(?: kept\ )?(?: under\ wraps | unknown )
    | ^add\ a\ plot\b
    | (?: ^ | :\ )(?: directed | created | written )\ by\b           # "Alien: Directed by … With …"
    | (?: ^ | :\ )with\ (?-i: (?: [A-Z][\w.'-]*(?:\ [A-Z][\w.'-]*)*,\ ){2,} )  # "Alien: With A, B, C."
    | ^(?: \d{1,2}h )?\ ?(?: \d{1,3}m )?\ ?\|                        # "1h 57m | R"
    """,
    re.IGNORECASE | re.VERBOSE,
)


def on_page(
    page: Page, page_url: str, film_id: Callable[[str], str], path: str, languages: Sequence[str] = ()
) -> str:
    """The overview in the page's JSON-LD, else `og:description`, else its description; "" without one.

    path: the one that was requested. A page that is, by its address or its own metadata, the page of another
    film has none, nor has one in another language than English or one of `languages`.
    """
    film = film_id(path.partition("?")[0])
    addresses = [page_url, page.canonical, *_metas(page, "og:url")]
    if not film or any(film_id(_path(address)) != film for address in addresses if address.strip()):
        return ""
    known = {"en", *(code[:2] for code in languages)}
    if page.language and page.language.strip()[:2].lower() not in known:
        return ""
    things = [thing for thing in linked_data(page) if _is_film(thing)]
    own = [
        thing
        for thing in things
        if film_id(_path(_text(thing, "url"))) == film or (not thing.get("url") and len(things) == 1)
    ]
    # The parser has decoded the entities of attributes, but not those of scripts.
    texts = [html.unescape(_text(thing, "description")[:_LONGEST_MARKUP]) for thing in own]
    texts += [*_metas(page, "og:description"), *_metas(page, "description")]
    names = [*(_text(thing, "name") for thing in own), *_metas(page, "og:title")]
    return next((found for text in texts if (found := _overview(text, names))), "")


def in_json(film: dict[str, Any], number: int) -> str:
    """The overview in TMDB's response about the film with this TMDB id; "" without one."""
    if film.get("id", number) != number:
        return ""
    names = [_text(film, "title"), _text(film, "original_title")]
    return _overview(html.unescape(_text(film, "overview")[:_LONGEST_MARKUP]), names)


def _overview(text: str, names: Sequence[str]) -> str:
    """The text without tags; "" if it is no overview. names: those of the film."""
    overview = plain_overview(_TAG.sub(" ", text[:_LONGEST_MARKUP]))
    # Bytes in another encoding than the page states were replaced by U+FFFD.
    if len(overview) < SHORTEST or "\ufffd" in overview or not any(c.isalpha() for c in overview):
        return ""
    if _BOILERPLATE.search(overview) or overview.casefold() in {plain_overview(n).casefold() for n in names}:
        return ""
    return overview


def _is_film(thing: dict[str, Any]) -> bool:
    kinds = thing.get("@type")
    return not _FILM_TYPES.isdisjoint(
        kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(kind, str)
    )


def _text(thing: dict[str, Any], name: str) -> str:
    value = thing.get(name)
    return value if isinstance(value, str) else ""


def _metas(page: Page, wanted: str) -> Iterator[str]:
    return (content for name, content in page.metas if name == wanted)


def _path(address: str) -> str:
    try:
        return urlsplit(address.strip()).path
    except ValueError:
        return ""
