"""The poster and the overview on a title's page at IMDb: `/title/<imdb_id>/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from .links import PosterLink, candidates, first_poster

if TYPE_CHECKING:
    from .html_metadata import Page

# `SX` scales down to a width and never up; the plain `._V1_.` would be the original, of any size.
PREFERRED_DIRECTIVES = "._V1_SX780_"

# Films' and people's pictures live under /images/M/; the site's own (logos, social cards) under /images/G/.
_POSTER_PATH = re.compile(
    r"(?P<before>(?:/[^/]+)*?/images/M/)(?P<name>[A-Za-z0-9_@=+%-]{1,300})"
    r"(?P<directives>\._V[0-9][^/]{0,200})?\.(?P<kind>jpe?g|png|webp)",
    re.ASCII | re.IGNORECASE,
)


# Pages in other languages are at /de/title/<imdb_id>/.
_FILM = re.compile(r"(?:/[a-z]{2}(?:-[A-Za-z]{2})?)?/title/tt0*([1-9]\d{0,9})/?", re.ASCII)


def poster(page: Page, page_url: str) -> PosterLink:
    """The poster of a title's page: from JSON-LD, else `og:image`, else the page's own frame, old or new.

    The size and crop of a thumbnail (`x._V1_UX182_CR0,0,182,268_AL_.jpg`) are replaced by
    PREFERRED_DIRECTIVES. The site's logo, the `og:image` of a title without poster, is not a poster.

    Raises NoPosterFound, and nothing else, for any page.
    """
    named = candidates(page, page_url, "div.poster img", frame_first=False)
    return first_poster(named, sizes, page_url, "JSON-LD, og:image and div.poster img")


def sizes(url: str) -> tuple[str, ...]:
    """The addresses of a poster by size, best first and `url` itself last; () if `url` is not a poster."""
    parts = urlsplit(url)
    found = _POSTER_PATH.fullmatch(parts.path)
    if not found:
        return ()
    path = f"{found['before']}{found['name']}{PREFERRED_DIRECTIVES}.{found['kind']}"
    return (urlunsplit((parts.scheme, parts.netloc, path, "", "")), url)


def film_id(path: str) -> str:
    """The number of the IMDb id in the path of a title's page; "" for other paths."""
    found = _FILM.fullmatch(path)
    return found[1] if found else ""


def is_frame(tag: str, attributes: Mapping[str, str]) -> bool:
    """The frame of the poster, in the three layouts that the site has had, or the image itself."""
    if tag == "div" and "poster" in attributes.get("class", "").split():
        return True
    if tag == "img" and attributes.get("itemprop") == "image":
        return True
    return attributes.get("data-testid") == "hero-media__poster" or (
        tag == "td" and attributes.get("id") == "img_primary"
    )
