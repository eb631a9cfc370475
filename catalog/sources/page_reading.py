"""One pass over a page's HTML for what may name a poster: base, meta tags, JSON-LD, and framed images.

No tree is built. A tree of hostile markup (25,000 nested tags, 400,000 attributes on one) takes minutes to
build or to select from; as a stream of tags the same page takes a fraction of a second.
"""

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lxml import etree

MOST_KEPT = 40
"""Of meta tags, images and scripts each."""

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
    reader = _Reader(is_frame)
    # Addresses are ASCII, so UTF-8 with replacements serves every encoding that a page may be in but UTF-16.
    text = html.decode("utf-16" if html.startswith(_UTF_16) else "utf-8", errors="replace")
    try:
        parser = etree.HTMLParser(target=reader, encoding="utf-8", no_network=True, remove_pis=True)
        parser.feed(text.encode(errors="replace"))
        parser.close()
    except (etree.LxmlError, AssertionError) as error:
        raise ValueError(str(error)) from error
    return reader.page


class _Reader:
    """Is told of each tag by lxml."""

    def __init__(self, is_frame: IsFrame) -> None:
        self.page = Page()
        self._is_frame = is_frame
        self._depth = 0
        self._frames: list[int] = []
        self._script: list[str] | None = None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._is_frame(tag, attributes):
            self._frames.append(self._depth)
        page = self.page
        if tag == "base":
            page.base = page.base or attributes.get("href", "")
        elif tag == "meta" and len(page.metas) < MOST_KEPT:
            for name in ("property", "name"):
                if attributes.get(name) in _METAS:
                    page.metas.append((attributes[name], attributes.get("content", "")))
        elif tag == "img" and self._frames and len(page.images) < MOST_KEPT:
            page.images.append(dict(attributes))
        elif tag == "script" and attributes.get("type") == "application/ld+json":
            self._script = [] if len(page.json_ld) < MOST_KEPT else None

    def end(self, tag: str) -> None:
        if tag == "script" and self._script is not None:
            self.page.json_ld.append("".join(self._script))
            self._script = None
        if self._frames and self._frames[-1] == self._depth:
            self._frames.pop()
        self._depth -= 1

    def data(self, text: str) -> None:
        if self._script is not None:
            self._script.append(text)

    def close(self) -> None:
        """Nothing is left to do; lxml wants to call it."""
