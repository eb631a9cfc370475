"""The sites that posters can come from: their addresses, hosts, terms, and how each one's page is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from . import imdb_page, tmdb_page
from .cells import is_imdb_id
from .poster_links import NoPosterFound, PosterLink

__all__ = ["POSTER_SOURCES", "ExternalIds", "NoPosterFound", "PosterLink", "PosterSource"]


class ExternalIds(Protocol):
    """Anything with a film's public ids: a Movie, a TitleRecord."""

    @property
    def imdb_id(self) -> str | None: ...

    @property
    def tmdb_id(self) -> int | None: ...


@dataclass(frozen=True)
class PosterSource:
    """One site. `parse(page, page_url)` raises NoPosterFound, and nothing else, for any bytes."""

    name: str
    label: str
    base_url: str
    image_base_url: str
    page_hosts: frozenset[str]
    image_hosts: frozenset[str]
    attribution: str
    terms_url: str
    needs: str
    page_path: Callable[[ExternalIds], str | None]
    parse: Callable[[bytes, str], PosterLink]

    def page_url(self, ids: ExternalIds, base_url: str | None = None) -> str | None:
        """The film's page, at `base_url` where a replica stands in; None without the id it needs."""
        path = self.page_path(ids)
        return None if path is None else (base_url or self.base_url).rstrip("/") + path

    def hosts(self, base_url: str | None = None) -> frozenset[str]:
        """Every host this source may be fetched from: the site's own, or only `base_url`'s `host:port`."""
        if not base_url or base_url.rstrip("/") == self.base_url:
            return self.page_hosts | self.image_hosts
        return frozenset({urlsplit(base_url).netloc.lower()})


def _tmdb_path(ids: ExternalIds) -> str | None:
    return f"/movie/{int(ids.tmdb_id)}" if ids.tmdb_id else None


def _imdb_path(ids: ExternalIds) -> str | None:
    return f"/title/{ids.imdb_id}/" if ids.imdb_id and is_imdb_id(ids.imdb_id) else None


POSTER_SOURCES: dict[str, PosterSource] = {
    source.name: source
    for source in (
        PosterSource(
            name="tmdb_page",
            label="The Movie Database (page)",
            base_url="https://www.themoviedb.org",
            image_base_url="https://image.tmdb.org",
            page_hosts=frozenset({"www.themoviedb.org"}),
            image_hosts=frozenset({"image.tmdb.org", "media.themoviedb.org", "www.themoviedb.org"}),
            attribution="Poster from The Movie Database (TMDB); not endorsed or certified by TMDB.",
            terms_url="https://www.themoviedb.org/terms-of-use",
            needs="a TMDB id",
            page_path=_tmdb_path,
            parse=tmdb_page.parse,
        ),
        PosterSource(
            name="imdb_page",
            label="IMDb (page)",
            base_url="https://www.imdb.com",
            image_base_url="https://m.media-amazon.com",
            page_hosts=frozenset({"www.imdb.com"}),
            image_hosts=frozenset({"m.media-amazon.com", "ia.media-imdb.com"}),
            attribution="Poster from IMDb.",
            terms_url="https://www.imdb.com/conditions",
            needs="an IMDb id",
            page_path=_imdb_path,
            parse=imdb_page.parse,
        ),
    )
}
