"""The page variants in `pages/`: written by us in the shapes the sites have had, of invented films."""

from pathlib import Path

from catalog.posters.sources.links import PosterLink, film_page
from catalog.posters.sources.registry import PageSource

PAGES = Path(__file__).parent / "pages"


def saved_page(name: str) -> bytes:
    return (PAGES / f"{name}.html").read_bytes()


def poster_on(source: PageSource, html: bytes, url: str) -> PosterLink:
    """The poster on a page with these bytes at `url`. Raises NoPosterFound."""
    return source.poster(film_page(html, url, source.is_frame), url)
