"""The poster on a title's page at IMDb: `/title/<imdb_id>/`."""

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

# `SX` scales down to a width and never up; the plain `._V1_.` would be the original, of any size.
PREFERRED_DIRECTIVES = "._V1_SX780_"

# Films' and people's pictures live under /images/M/; the site's own (logos, social cards) under /images/G/.
_POSTER_PATH = re.compile(
    r"(?P<before>(?:/[^/]+)*?/images/M/)(?P<name>[A-Za-z0-9_@=+%-]{1,300})"
    r"(?P<directives>\._V[0-9][^/]{0,200})?\.(?P<kind>jpe?g|png|webp)",
    re.ASCII | re.IGNORECASE,
)
_POSTER_IMAGES = (
    'div.poster img, [data-testid="hero-media__poster"] img, td#img_primary img, img[itemprop="image"]'
)


def parse(page: bytes, page_url: str) -> PosterLink:
    """The poster of a title's page: from JSON-LD, else `og:image`, else the page's own frame, old or new.

    A thumbnail (`x._V1_UX182_CR0,0,182,268_AL_.jpg`) is lifted by putting PREFERRED_DIRECTIVES in the place
    of its size and crop. The site's logo, the `og:image` of a title without poster, is no poster.

    Raises NoPosterFound, and nothing else, for any bytes.
    """
    soup = soup_of(page, page_url)
    return first_poster(
        _candidates(soup, base_of(soup, page_url)),
        sizes,
        page_url,
        "JSON-LD, og:image and div.poster img",
    )


def sizes(url: str) -> tuple[str, ...]:
    """The addresses of a poster by size, best first and `url` itself last; () when `url` is no poster."""
    parts = urlsplit(url)
    found = _POSTER_PATH.fullmatch(parts.path)
    if not found:
        return ()
    path = f"{found['before']}{found['name']}{PREFERRED_DIRECTIVES}.{found['kind']}"
    return (urlunsplit((parts.scheme, parts.netloc, path, "", "")), url)


def _candidates(soup: BeautifulSoup, base: str) -> Iterator[Candidate]:
    return chain(
        json_ld_images(soup, base),
        meta_images(soup, base),
        images_in(soup, _POSTER_IMAGES, base, "div.poster img"),
    )
