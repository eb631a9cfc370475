"""Where a film's page says that its poster is: the places such pages name it in, as absolute addresses."""

import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from bs4.exceptions import ParserRejectedMarkup

LARGEST_PAGE = 4_000_000
# BeautifulSoup takes some 70 µs for each: 4 MB of nothing but tags took it a minute and half a gigabyte.
MOST_TAGS = 50_000
LONGEST_URL = 900
MOST_CANDIDATES = 40
_DEEPEST_JSON = 6


class NoPosterFound(LookupError):
    """A page names no poster of its film; the message says which page and what was looked for."""


@dataclass(frozen=True, slots=True)
class PosterLink:
    """Where a poster can be fetched.

    `url` is the size to ask for first, `alternatives` other sizes in order of preference (the one the page
    itself shows is last) for a server that lacks the first; `found_in` names the place on the page.
    `language` is that of the words on it, "zxx" for a poster without words, "" where the source does not say.
    """

    url: str
    alternatives: tuple[str, ...]
    found_in: str
    language: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """All sizes, the one to ask for first at the front."""
        return (self.url, *self.alternatives)


@dataclass(frozen=True, slots=True)
class Candidate:
    url: str
    found_in: str


def soup_of(page: bytes, page_url: str) -> BeautifulSoup:
    """The parsed page, whatever its bytes; raises NoPosterFound when it is no HTML, or too large a page."""
    if len(page) > LARGEST_PAGE:
        raise NoPosterFound(
            f"{page_url} is no film's page: it has {len(page):,} bytes, {LARGEST_PAGE:,} is the most"
        )
    if page.count(b"<") > MOST_TAGS:
        raise NoPosterFound(f"{page_url} is no film's page: it has more than {MOST_TAGS:,} tags")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "this looks like a URL", "this looks like XML"
            return BeautifulSoup(page, "lxml")
    except (ParserRejectedMarkup, AssertionError, ValueError, RecursionError, LookupError) as error:
        raise NoPosterFound(f"{page_url} cannot be read as HTML: {error}") from error


def base_of(soup: BeautifulSoup, page_url: str) -> str:
    """The address that the page's relative links start from."""
    base = soup.find("base", href=True)
    return _joined(page_url, _text(base.get("href"))) or page_url if isinstance(base, Tag) else page_url


def images_in(soup: BeautifulSoup, selector: str, base: str, found_in: str) -> Iterator[Candidate]:
    """What the `img` elements of a CSS selector show; a lazy `data-src` counts before its `src`."""
    for image in soup.select(selector, limit=MOST_CANDIDATES):
        shown = [_text(image.get(name)) for name in ("data-src", "src")]
        for name in ("data-srcset", "srcset"):
            shown += [part.split()[0] for part in _text(image.get(name)).split(", ") if part.split()]
        for text in shown:
            if url := _joined(base, text):
                yield Candidate(url, found_in)


def json_ld_images(soup: BeautifulSoup, base: str) -> Iterator[Candidate]:
    """The `image` of each schema.org object in the page's JSON-LD: a URL, a list, or an ImageObject."""
    for script in soup.find_all("script", type="application/ld+json", limit=MOST_CANDIDATES):
        try:
            data = json.loads(script.get_text())
        except (ValueError, RecursionError):
            continue
        for text in _ld_images(data, _DEEPEST_JSON):
            if url := _joined(base, text):
                yield Candidate(url, "JSON-LD image")


def meta_images(soup: BeautifulSoup, base: str) -> Iterator[Candidate]:
    """The page's `og:image` and `twitter:image`."""
    for name in ("og:image", "og:image:secure_url", "twitter:image"):
        for attribute in ("property", "name"):
            for meta in soup.find_all("meta", attrs={attribute: name}, limit=MOST_CANDIDATES):
                if url := _joined(base, _text(meta.get("content"))):
                    yield Candidate(url, name)


def first_poster(
    candidates: Iterator[Candidate], sizes: Callable[[str], tuple[str, ...]], page_url: str, looked_for: str
) -> PosterLink:
    """The first candidate that `sizes` knows as a poster (it gives its addresses, best first, else ()).

    Raises NoPosterFound with a sentence naming the page.
    """
    for candidate in candidates:
        if addresses := tuple(dict.fromkeys(sizes(candidate.url))):
            return PosterLink(addresses[0], addresses[1:], candidate.found_in)
    raise NoPosterFound(f"{page_url} shows no poster; looked for {looked_for}")


def _ld_images(data: Any, depth: int) -> Iterator[str]:
    if depth == 0:
        return
    if isinstance(data, list):
        for entry in data[:MOST_CANDIDATES]:
            yield from _ld_images(entry, depth - 1)
    elif isinstance(data, dict):
        yield from _image_urls(data.get("image"), depth - 1)
        yield from _ld_images(data.get("@graph"), depth - 1)


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
    """`value` as an absolute http(s) address without a fragment, or "" when it is none."""
    return _joined("", value.strip()) if isinstance(value, str) else ""


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _joined(base: str, text: str) -> str:
    """`text` as an absolute http(s) address without a fragment, or "" when it is none."""
    if not text or len(text) > LONGEST_URL or not text.isprintable():
        return ""
    try:
        url = urljoin(base, text).partition("#")[0].replace(" ", "%20")
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises for a port that is no number
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and host else ""
