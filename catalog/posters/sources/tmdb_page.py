"""The poster on a film's page at The Movie Database: `/movie/<tmdb_id>`."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from .links import PosterLink, candidates, first_poster

# Of the widths this site serves for posters (w92 w154 w185 w342 w500 w780 original) the widest that is
# bounded: enough for a page on a dense screen, and a tenth of the bytes of many an original.
PREFERRED_SIZES = ("w780", "w500")

_POSTER_PATH = re.compile(
    r"(?P<before>(?:/[^/]+)*?/t/p/)(?P<size>[a-z][a-z0-9_,()%-]{0,60})"
    r"/(?P<file>[A-Za-z0-9_-]{1,200}\.(?:jpe?g|png|webp))",
    re.ASCII | re.IGNORECASE,
)


def parse(page: bytes, page_url: str) -> PosterLink:
    """The poster of a film's page: from the poster's own frame, else JSON-LD, else `og:image`.

    Whatever the page shows (`/t/p/w300_and_h450_bestv2/x.jpg`, a blurred or face crop) is lifted to
    PREFERRED_SIZES. The site's logo and its placeholder drawings are no poster.

    Raises NoPosterFound, and nothing else, for any bytes.
    """
    named = candidates(page, page_url, _is_frame, "div.image_content.backdrop img", frame_first=True)
    return first_poster(named, sizes, page_url, "div.image_content.backdrop img, JSON-LD and og:image")


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


def _is_frame(tag: str, attributes: Mapping[str, str]) -> bool:
    """The pages' own frame of the poster, in the two shapes it has had."""
    if tag != "div":
        return False
    classes = set(attributes.get("class", "").split())
    return {"image_content", "backdrop"} <= classes or "poster_wrapper" in classes
