"""The addresses of posters on a film's page: in JSON-LD, in meta tags and in framed images."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from .html_metadata import IsFrame, Page

LARGEST_PAGE = 4_000_000
LONGEST_URL = 900
MOST_CANDIDATES = 40
_DEEPEST_JSON = 6


class NoPosterFound(LookupError):
    """A page has no poster of its film; the message names the page and what was searched for.

    overview: what the page says about the film all the same.
    """

    def __init__(self, why: str, overview: str = "") -> None:
        super().__init__(why)
        self.overview = overview


@dataclass(frozen=True, slots=True)
class PosterLink:
    """Where a poster can be fetched.

    `url` is the preferred size, `alternatives` other sizes in order of preference (the one on the page itself
    is last) for a server without the first; `found_in` names the place on the page. `language` is that of its
    text, "zxx" for a poster without text, "" if the source does not list it.
    """

    url: str
    alternatives: tuple[str, ...]
    found_in: str
    language: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """All sizes, the preferred one first."""
        return (self.url, *self.alternatives)


@dataclass(frozen=True, slots=True)
class Candidate:
    url: str
    found_in: str


def candidates(page: Page, page_url: str, frame: str, *, frame_first: bool) -> Iterator[Candidate]:
    """The possible posters of a page: in a frame (`found_in` is `frame`), in JSON-LD, in meta tags.

    The frame comes before or after the other two.
    """
    # The address that the page's relative links start from.
    base = _joined(page_url, page.base.strip()) or page_url
    declared = chain(_json_ld_images(page, base), _meta_images(page, base))
    framed = _framed_images(page, base, frame)
    return chain(framed, declared) if frame_first else chain(declared, framed)


def film_page(html: bytes, page_url: str, is_frame: IsFrame) -> Page:
    """The metadata of a film's page. Raises NoPosterFound if the page is too large or not HTML."""
    # Imported here, because every process imports this module, and few read pages with BeautifulSoup.
    from .html_metadata import read_page

    if len(html) > LARGEST_PAGE:
        raise NoPosterFound(
            f"{page_url} is not a film's page: it has {len(html):,} bytes; the limit is {LARGEST_PAGE:,}"
        )
    try:
        return read_page(html, is_frame)
    except ValueError as error:
        raise NoPosterFound(f"{page_url} cannot be read as a film's page: {error}") from error


def _framed_images(page: Page, base: str, found_in: str) -> Iterator[Candidate]:
    """The images of framed `img` elements; a lazy `data-src` comes before its `src`."""
    for image in page.images:
        texts = [image.get(name, "").strip() for name in ("data-src", "src")]
        for name in ("data-srcset", "srcset"):
            sizes = image.get(name, "").split(", ", MOST_CANDIDATES)[:MOST_CANDIDATES]
            texts += [size.split(maxsplit=1)[0] for size in sizes if size.strip()]
        for text in texts:
            if url := _joined(base, text):
                yield Candidate(url, found_in)


def _json_ld_images(page: Page, base: str) -> Iterator[Candidate]:
    """The `image` of each schema.org object in the page's JSON-LD: a URL, a list, or an ImageObject."""
    for thing, depth in _linked_data(page):
        for text in _image_urls(thing.get("image"), depth):
            if url := _joined(base, text.strip()):
                yield Candidate(url, "JSON-LD image")


def linked_data(page: Page) -> Iterator[dict[str, Any]]:
    """The schema.org objects of the page's JSON-LD, those in lists and graphs too."""
    return (thing for thing, _ in _linked_data(page))


def _linked_data(page: Page) -> Iterator[tuple[dict[str, Any], int]]:
    """Each object, and how many levels of values may be read in it."""
    for script in page.json_ld:
        try:
            data = json.loads(script)
        except (ValueError, RecursionError):
            continue
        yield from _ld_objects(data, _DEEPEST_JSON)


def _meta_images(page: Page, base: str) -> Iterator[Candidate]:
    """The page's `og:image` and `twitter:image`."""
    for wanted in ("og:image", "og:image:secure_url", "twitter:image"):
        for name, content in page.metas:
            if name == wanted and (url := _joined(base, content.strip())):
                yield Candidate(url, name)


def first_poster(
    named: Iterator[Candidate], sizes: Callable[[str], tuple[str, ...]], page_url: str, searched: str
) -> PosterLink:
    """The first candidate that is a poster: for those, `sizes` returns addresses, the best first, else ().

    Raises NoPosterFound with a sentence that names the page.
    """
    for candidate in named:
        if addresses := tuple(dict.fromkeys(sizes(candidate.url))):
            return PosterLink(addresses[0], addresses[1:], candidate.found_in)
    raise NoPosterFound(f"{page_url} shows no poster; searched {searched}")


def _ld_objects(data: Any, depth: int) -> Iterator[tuple[dict[str, Any], int]]:
    if depth == 0:
        return
    if isinstance(data, list):
        for entry in data[:MOST_CANDIDATES]:
            yield from _ld_objects(entry, depth - 1)
    elif isinstance(data, dict):
        yield data, depth - 1
        yield from _ld_objects(data.get("@graph"), depth - 1)


def _image_urls(image: Any, depth: int) -> Iterator[str]:
    if isinstance(image, str):
        yield image
    elif isinstance(image, list) and depth > 0:
        for entry in image[:MOST_CANDIDATES]:
            yield from _image_urls(entry, depth - 1)
    elif isinstance(image, dict) and depth > 0:
        yield from _image_urls(image.get("contentUrl"), depth - 1)
        yield from _image_urls(image.get("url"), depth - 1)


def web_address(value: object) -> str:
    """`value` as an absolute http(s) address without a fragment, or "" if it is not one."""
    return _joined("", value.strip()) if isinstance(value, str) else ""


def _joined(base: str, text: str) -> str:
    """`text` as an absolute http(s) address without a fragment, or "" if it is not one."""
    if not text or len(text) > LONGEST_URL or not text.isprintable():
        return ""
    try:
        url = urljoin(base, text).partition("#")[0].replace(" ", "%20")
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises for a port that is no number
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and host and len(url) <= LONGEST_URL else ""
