"""What a page's HTML says of a poster: base, meta tags, JSON-LD, and framed images, read with BeautifulSoup.

Before a tree is built, the page is gone through as a stream of tags, which takes a fraction of a second
whatever it holds: a tree of hostile markup (25,000 nested tags, 400,000 attributes on one) takes minutes to
build or to select from. What no film's page has is refused there.
"""

import codecs
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bs4 import BeautifulSoup, Tag
from bs4.exceptions import ParserRejectedMarkup
from lxml import etree

MOST_KEPT = 40
"""Of meta tags, images and scripts each."""
MOST_TAGS, DEEPEST, MOST_ATTRIBUTES = 20_000, 200, 200
"""The pages of both sites have some five thousand tags, forty levels deep, of a few attributes each."""

IsFrame = Callable[[str, Mapping[str, str]], bool]
"""Of a tag's name and attributes: whether the images inside it, or it itself, show the film's poster."""

_METAS = frozenset({"og:image", "og:image:secure_url", "twitter:image"})
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(slots=True)
class Page:
    """What was read: `base` is the first base's href, `metas` are (property or name, content) in the order of
    the page, `images` the attributes of framed `img` elements, `json_ld` the texts of such scripts."""

    base: str = ""
    metas: list[tuple[str, str]] = field(default_factory=list)
    images: list[Mapping[str, str]] = field(default_factory=list)
    json_ld: list[str] = field(default_factory=list)


def read_page(html: bytes, is_frame: IsFrame) -> Page:
    """What `html`, whatever its bytes, says of posters. ValueError if it is nothing that can be read."""
    # Addresses are ASCII, so UTF-8 with replacements serves every encoding that a page may be in but UTF-16;
    # guessing at the encoding takes longer than reading.
    text = html.decode("utf-16" if html.startswith(_UTF_16) else "utf-8", errors="replace")
    try:
        _refuse_monsters(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "this looks like a URL", "this looks like XML"
            soup = BeautifulSoup(text, "lxml", multi_valued_attributes=None)
    except (etree.LxmlError, ParserRejectedMarkup, AssertionError, RecursionError, LookupError) as error:
        raise ValueError(str(error)) from error
    page = Page()
    base = soup.find("base", href=True)
    page.base = str(base["href"]) if isinstance(base, Tag) else ""
    for meta in soup.find_all("meta", limit=MOST_KEPT):
        for name in ("property", "name"):
            if isinstance(meta, Tag) and meta.get(name) in _METAS:
                page.metas.append((str(meta[name]), str(meta.get("content", ""))))
    page.images += [_texts(image) for image in _framed(soup, is_frame)]
    page.json_ld += [
        script.get_text() for script in soup.find_all("script", type="application/ld+json", limit=MOST_KEPT)
    ]
    return page


def _framed(soup: BeautifulSoup, is_frame: IsFrame) -> Iterator[Tag]:
    frames: dict[int, bool] = {}
    found = 0
    for image in soup.find_all("img"):
        if isinstance(image, Tag) and any(
            _is_framed(tag, is_frame, frames) for tag in (image, *image.parents)
        ):
            yield image
            found += 1
            if found == MOST_KEPT:
                return


def _is_framed(tag: Tag, is_frame: IsFrame, known: dict[int, bool]) -> bool:
    if id(tag) not in known:
        known[id(tag)] = is_frame(tag.name, _texts(tag))
    return known[id(tag)]


def _texts(tag: Tag) -> Mapping[str, str]:
    return {name: str(value) for name, value in tag.attrs.items()}


def _refuse_monsters(text: str) -> None:
    """ValueError for markup of which a tree would take too long to build."""
    parser = etree.HTMLParser(target=_Sieve(), encoding="utf-8", no_network=True, remove_pis=True)
    parser.feed(text.encode(errors="replace"))
    parser.close()


class _Sieve:
    """Is told of each tag by lxml."""

    def __init__(self) -> None:
        self._depth = self._tags = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._tags += 1
        if self._tags > MOST_TAGS:
            raise ValueError(f"it has more than {MOST_TAGS:,} tags")
        if self._depth > DEEPEST:
            raise ValueError(f"its tags are nested more than {DEEPEST} deep")
        if len(attributes) > MOST_ATTRIBUTES:
            raise ValueError(f"one of its tags has more than {MOST_ATTRIBUTES} attributes")

    def end(self, tag: str) -> None:
        self._depth -= 1

    def close(self) -> None:
        """Nothing is left to do; lxml wants to call it."""
