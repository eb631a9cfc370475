"""The poster on a film's page at The Movie Database: `/movie/<tmdb_id>`."""

import re
from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlsplit, urlunsplit

from bs4 import BeautifulSoup

from .poster_links import (
    Candidate,
    PosterLink,
    base_of,
    first_poster,
    images_in,
    json_ld_images,
    meta_images,
    soup_of,
)

# Of the widths this site serves for posters (w92 w154 w185 w342 w500 w780 original) the widest that is
# bounded: enough for a page on a dense screen, and a tenth of the bytes of many an original.
PREFERRED_SIZES = ("w780", "w500")

_POSTER_PATH = re.compile(
    r"(?P<before>(?:/[^/]+)*?/t/p/)(?P<size>[a-z][a-z0-9_,()%-]{0,60})"
    r"/(?P<file>[A-Za-z0-9_-]{1,200}\.(?:jpe?g|png|webp))",
    re.ASCII | re.IGNORECASE,
)
_POSTER_IMAGES = "div.image_content.backdrop img, div.poster_wrapper img"


def parse(page: bytes, page_url: str) -> PosterLink:
    """The poster of a film's page: from the poster's own frame, else JSON-LD, else `og:image`.

    Whatever the page shows (`/t/p/w300_and_h450_bestv2/x.jpg`, a blurred or face crop) is lifted to
    PREFERRED_SIZES. The site's logo and its placeholder drawings are no poster.

    Raises NoPosterFound, and nothing else, for any bytes.
    """
    soup = soup_of(page, page_url)
    return first_poster(
        _candidates(soup, base_of(soup, page_url)),
        sizes,
        page_url,
        "div.image_content.backdrop img, JSON-LD and og:image",
    )


def sizes(url: str) -> tuple[str, ...]:
    """The addresses of a poster by size, best first and `url` itself last; () when `url` is no poster."""
    parts = urlsplit(url)
    found = _POSTER_PATH.fullmatch(parts.path)
    if not found:
        return ()
    lifted = (
        urlunsplit((parts.scheme, parts.netloc, f"{found['before']}{size}/{found['file']}", "", ""))
        for size in PREFERRED_SIZES
    )
    return (*lifted, url)


def _candidates(soup: BeautifulSoup, base: str) -> Iterator[Candidate]:
    return chain(
        images_in(soup, _POSTER_IMAGES, base, "div.image_content.backdrop img"),
        json_ld_images(soup, base),
        meta_images(soup, base),
    )
