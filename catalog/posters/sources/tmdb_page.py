"""The poster and the overview on a film's page at The Movie Database: `/movie/<tmdb_id>`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from .links import PosterLink, candidates, first_poster

if TYPE_CHECKING:
    from .html_metadata import Page

# The widest of the site's sizes for posters (w92 w154 w185 w342 w500 w780 original) with a known width:
# enough for a dense screen, and often a tenth of the bytes of the original.
PREFERRED_SIZES = ("w780", "w500")

_POSTER_PATH = re.compile(
    r"(?P<before>(?:/[^/]+)*?/t/p/)(?P<size>[a-z][a-z0-9_,()%-]{0,60})"
    r"/(?P<file>[A-Za-z0-9_-]{1,200}\.(?:jpe?g|png|webp))",
    re.ASCII | re.IGNORECASE,
)


_FILM = re.compile(r"/movie/0*([1-9]\d{0,9})(?:-[^/]*)?/?", re.ASCII)


def poster(page: Page, page_url: str) -> PosterLink:
    """The poster of a film's page: from the poster's own frame, else JSON-LD, else `og:image`.

    Other sizes and crops (`/t/p/w300_and_h450_bestv2/x.jpg`) are replaced by PREFERRED_SIZES. The site's logo
    and its placeholder drawings are not posters.

    Raises NoPosterFound, and nothing else, for any page.
    """
    named = candidates(page, page_url, "div.image_content.backdrop img", frame_first=True)
    return first_poster(named, sizes, page_url, "div.image_content.backdrop img, JSON-LD and og:image")


def sizes(url: str) -> tuple[str, ...]:
    """The addresses of a poster by size, best first and `url` itself last; () if `url` is not a poster."""
    parts = urlsplit(url)
    found = _POSTER_PATH.fullmatch(parts.path)
    if not found:
        return ()
    preferred = (
        urlunsplit((parts.scheme, parts.netloc, f"{found['before']}{size}/{found['file']}", "", ""))
        for size in PREFERRED_SIZES
    )
    return (*preferred, url)


def film_id(path: str) -> str:
    """The TMDB id in the path of a film's page; "" for other paths."""
    found = _FILM.fullmatch(path)
    return found[1] if found else ""


def is_frame(tag: str, attributes: Mapping[str, str]) -> bool:
    """The frame of the poster, in the two layouts that the site has had."""
    if tag != "div":
        return False
    classes = set(attributes.get("class", "").split())
    return {"image_content", "backdrop"} <= classes or "poster_wrapper" in classes
