"""Extract metadata from a page's HTML: language, base, meta tags, JSON-LD and framed images.

Before BeautifulSoup builds a tree, the page is checked as a stream of tags, which takes a fraction of a
second: a tree of hostile markup (25,000 nested tags, 400,000 attributes on one) takes minutes to build or to
select from. Pages with more than any film's page has are refused.
"""

import codecs
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bs4 import BeautifulSoup, Tag
from bs4.exceptions import ParserRejectedMarkup
from lxml import etree

MAX_ELEMENTS = 40
"""Of meta tags, images and scripts each."""
MAX_TAGS, MAX_DEPTH, MAX_ATTRIBUTES = 20_000, 200, 200
"""The pages of both sites have about five thousand tags, forty levels deep, with a few attributes each."""

IsFrame = Callable[[str, Mapping[str, str]], bool]
"""Whether a tag with this name and these attributes, or an image in it, is the film's poster."""

_METAS = frozenset(
    {
        *("og:image", "og:image:secure_url", "twitter:image"),
        *("og:description", "description", "og:title", "og:url"),
    }
)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(slots=True)
class Page:
    """`base` is the href of the first base, `canonical` that of the first such link, `language` the lang of
    html, `metas` are (property or name, content) in the order of the page, `images` the attributes of framed
    `img` elements, `json_ld` the texts of such scripts."""

    base: str = ""
    canonical: str = ""
    language: str = ""
    metas: list[tuple[str, str]] = field(default_factory=list)
    images: list[Mapping[str, str]] = field(default_factory=list)
    json_ld: list[str] = field(default_factory=list)


def read_page(html: bytes, is_frame: IsFrame) -> Page:
    """Extract from `html`, whatever its bytes. Raises ValueError if it is unreadable."""
    # Addresses are ASCII, so UTF-8 with replacements works for every encoding except UTF-16. Detecting the
    # encoding takes longer than parsing.
    text = html.decode("utf-16" if html.startswith(_UTF_16) else "utf-8", errors="replace")
    try:
        _check_size(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "this looks like a URL", "this looks like XML"
            soup = BeautifulSoup(text, "lxml", multi_valued_attributes=None)
    except (etree.LxmlError, ParserRejectedMarkup, AssertionError, RecursionError, LookupError) as error:
        raise ValueError(str(error)) from error
    page = Page()
    page.base = _attribute(soup.find("base", href=True), "href")
    page.canonical = _attribute(soup.find("link", rel="canonical", href=True), "href")
    page.language = _attribute(soup.find("html", lang=True), "lang")
    for meta in soup.find_all("meta", limit=MAX_ELEMENTS):
        for name in ("property", "name"):
            if isinstance(meta, Tag) and meta.get(name) in _METAS:
                page.metas.append((str(meta[name]), str(meta.get("content", ""))))
    page.images += [_texts(image) for image in _framed(soup, is_frame)]
    page.json_ld += [
        script.get_text()
        for script in soup.find_all("script", type="application/ld+json", limit=MAX_ELEMENTS)
    ]
    return page


def _attribute(tag: object, name: str) -> str:
    return str(tag[name]) if isinstance(tag, Tag) else ""


def _framed(soup: BeautifulSoup, is_frame: IsFrame) -> Iterator[Tag]:
    frames: dict[int, bool] = {}
    found = 0
    for image in soup.find_all("img"):
        if isinstance(image, Tag) and any(
            _is_framed(tag, is_frame, frames) for tag in (image, *image.parents)
        ):
            yield image
            found += 1
            if found == MAX_ELEMENTS:
                return


def _is_framed(tag: Tag, is_frame: IsFrame, known: dict[int, bool]) -> bool:
    if id(tag) not in known:
        known[id(tag)] = is_frame(tag.name, _texts(tag))
    return known[id(tag)]


def _texts(tag: Tag) -> Mapping[str, str]:
    return {name: str(value) for name, value in tag.attrs.items()}


def _check_size(text: str) -> None:
    """Raise ValueError for markup of which a tree would take too long to build."""
    parser = etree.HTMLParser(target=_TagCounter(), encoding="utf-8", no_network=True, remove_pis=True)
    parser.feed(text.encode(errors="replace"))
    parser.close()


class _TagCounter:
    """A parser target of lxml."""

    def __init__(self) -> None:
        self._depth = self._tags = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._tags += 1
        if self._tags > MAX_TAGS:
            raise ValueError(f"it has more than {MAX_TAGS:,} tags")
        if self._depth > MAX_DEPTH:
            raise ValueError(f"its tags are nested more than {MAX_DEPTH} deep")
        if len(attributes) > MAX_ATTRIBUTES:
            raise ValueError(f"one of its tags has more than {MAX_ATTRIBUTES} attributes")

    def end(self, tag: str) -> None:
        self._depth -= 1

    def close(self) -> None:
        """Required by lxml."""
