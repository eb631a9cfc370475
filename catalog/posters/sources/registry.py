"""The sites that posters can come from: their addresses, hosts, terms, and how each one is looked up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from catalog.external_ids import is_imdb_id

from . import imdb_page, overviews, tmdb_api, tmdb_page
from .links import NoPosterFound, PosterLink, film_page
from .protocol import ExternalIds, Found, Get

if TYPE_CHECKING:
    from .html_metadata import IsFrame, Page

__all__ = ["POSTER_SOURCES", "NoPosterFound", "PageSource", "PosterLink", "PosterSource"]


@dataclass(frozen=True)
class PosterSource(ABC):
    """One site. `accept` is the content type to request; `key` names the setting with its key, if any.

    `attribution` is shown with each of its posters; `notice` on every page, where its terms require that.
    After `refresh_after_days` its posters are checked for changes. `sizes` gives the addresses of a poster in
    several sizes, best first, and () for other addresses. `requests_per_second` limits its `page_hosts`,
    `pictures_per_second` its other `image_hosts`.
    """

    name: str
    label: str
    base_url: str
    image_base_url: str
    page_hosts: frozenset[str]
    image_hosts: frozenset[str]
    attribution: str
    terms_url: str
    needs: str
    accept: str = "text/html"
    key: str = ""
    notice: str = ""
    refresh_after_days: int = 90
    requests_per_second: float = 1.0
    pictures_per_second: float = 5.0
    sizes: Callable[[str], tuple[str, ...]] = field(kw_only=True)

    @abstractmethod
    def find(self, ids: ExternalIds, get: Get, languages: Sequence[str] = ()) -> Found:
        """The film's posters; raises NoPosterFound, and what `get` raises, whatever the responses are."""

    @property
    def obeys_robots(self) -> bool:
        """Whether robots.txt applies: not to an API for which we have a key."""
        return not self.key

    def rate(self, host: str) -> float:
        """The default rate limit of `host`, one of the source's own."""
        return self.requests_per_second if host in self.page_hosts else self.pictures_per_second

    def hosts(self, base_url: str | None = None) -> frozenset[str]:
        """Every host this source may be fetched from: the site's own, or only `base_url`'s `host:port`."""
        if not base_url or base_url.rstrip("/") == self.base_url:
            return self.page_hosts | self.image_hosts
        return frozenset({urlsplit(base_url).netloc.lower()})


@dataclass(frozen=True, kw_only=True)
class PageSource(PosterSource):
    """A site with a page for each film.

    `poster(page, page_url)` raises NoPosterFound, and nothing else. `film_id` gives the id in the path of a
    film's page, "" for other paths.
    """

    page_path: Callable[[ExternalIds], str | None]
    is_frame: IsFrame
    poster: Callable[[Page, str], PosterLink]
    film_id: Callable[[str], str]

    def page_url(self, ids: ExternalIds, base_url: str | None = None) -> str | None:
        """The film's page, at `base_url` if that is a replica; None without the id it needs."""
        path = self.page_path(ids)
        return None if path is None else (base_url or self.base_url).rstrip("/") + path

    def find(self, ids: ExternalIds, get: Get, languages: Sequence[str] = ()) -> Found:
        path = self.page_path(ids)
        if path is None:
            raise NoPosterFound(f"the source needs {self.needs}, and this movie has none")
        response = get(path, is_validator=True)
        page = film_page(response.body, response.url, self.is_frame)
        overview = overviews.on_page(page, response.url, self.film_id, path, languages)
        try:
            return Found((self.poster(page, response.url),), page_url="", overview=overview)
        except NoPosterFound as error:
            raise NoPosterFound(str(error), overview) from error


@dataclass(frozen=True, kw_only=True)
class TmdbApi(PosterSource):
    """The API of The Movie Database."""

    def find(self, ids: ExternalIds, get: Get, languages: Sequence[str] = ()) -> Found:
        return tmdb_api.find(ids, get, languages)


def _tmdb_path(ids: ExternalIds) -> str | None:
    return f"/movie/{int(ids.tmdb_id)}" if ids.tmdb_id else None


def _imdb_path(ids: ExternalIds) -> str | None:
    return f"/title/{ids.imdb_id}/" if ids.imdb_id and is_imdb_id(ids.imdb_id) else None


# The sentence of TMDB's API terms, word for word.
_TMDB_NOTICE = "This product uses the TMDB API but is not endorsed or certified by TMDB."
_ALL: tuple[PosterSource, ...] = (
    TmdbApi(
        name="tmdb_api",
        label="The Movie Database (API)",
        base_url="https://api.themoviedb.org",
        image_base_url="https://image.tmdb.org",
        page_hosts=frozenset({"api.themoviedb.org"}),
        image_hosts=frozenset({"image.tmdb.org"}),
        attribution=f"Poster from The Movie Database. {_TMDB_NOTICE}",
        notice=_TMDB_NOTICE,
        terms_url="https://www.themoviedb.org/api-terms-of-use",
        needs="a TMDB or an IMDb id",
        accept="application/json",
        key="POSTERSITE_TMDB_KEY",
        refresh_after_days=30,
        # TMDB answers "somewhere in the 40 requests per second range"
        # (https://developer.themoviedb.org/docs/rate-limiting); half of that leaves room for others.
        requests_per_second=20.0,
        pictures_per_second=20.0,
        sizes=tmdb_page.sizes,
    ),
    PageSource(
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
        is_frame=tmdb_page.is_frame,
        poster=tmdb_page.poster,
        film_id=tmdb_page.film_id,
        sizes=tmdb_page.sizes,
        # image.tmdb.org serves pictures to everybody's programs; the pages, one a second, set the pace.
        pictures_per_second=20.0,
    ),
    PageSource(
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
        is_frame=imdb_page.is_frame,
        poster=imdb_page.poster,
        film_id=imdb_page.film_id,
        sizes=imdb_page.sizes,
    ),
)
POSTER_SOURCES: dict[str, PosterSource] = {source.name: source for source in _ALL}
