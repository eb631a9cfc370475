"""The sites that posters can come from: their addresses, hosts, terms, and how each one is asked."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from catalog.external_ids import is_imdb_id

from . import imdb_page, tmdb_api, tmdb_page
from .links import NoPosterFound, PosterLink
from .protocol import Answer, ExternalIds, Found, Question, ask_page

__all__ = ["POSTER_SOURCES", "NoPosterFound", "PageSource", "PosterLink", "PosterSource"]


@dataclass(frozen=True)
class PosterSource(ABC):
    """One site. `accept` is what it is asked for; `key` names the setting with the key it wants, if any.

    `attribution` stands at each of its posters; `notice` on every page, where its terms want that. After
    `refresh_after_days` it is asked again whether a poster has changed. `sizes` gives the addresses of a
    poster in several sizes, best first, and () for what is none of its posters. Its `page_hosts` and other
    `image_hosts` are asked so often a second at the most.
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
    def questions(
        self, ids: ExternalIds, languages: Sequence[str] = ()
    ) -> Generator[Question, Answer, Found]:
        """What to ask for the film's poster; raises NoPosterFound, and nothing else, for any answers."""

    @property
    def obeys_robots(self) -> bool:
        """Whether robots.txt speaks for what is asked here: not about an API that we have a key to."""
        return not self.key

    def rate(self, host: str) -> float:
        """Requests a second that `host`, one of the source's own, is asked at most unless told otherwise."""
        return self.requests_per_second if host in self.page_hosts else self.pictures_per_second

    def hosts(self, base_url: str | None = None) -> frozenset[str]:
        """Every host this source may be fetched from: the site's own, or only `base_url`'s `host:port`."""
        if not base_url or base_url.rstrip("/") == self.base_url:
            return self.page_hosts | self.image_hosts
        return frozenset({urlsplit(base_url).netloc.lower()})


@dataclass(frozen=True, kw_only=True)
class PageSource(PosterSource):
    """A site that is read page by page. `parse(page, page_url)` raises NoPosterFound, and nothing else."""

    page_path: Callable[[ExternalIds], str | None]
    parse: Callable[[bytes, str], PosterLink]

    def page_url(self, ids: ExternalIds, base_url: str | None = None) -> str | None:
        """The film's page, at `base_url` where a replica stands in; None without the id it needs."""
        path = self.page_path(ids)
        return None if path is None else (base_url or self.base_url).rstrip("/") + path

    def questions(
        self, ids: ExternalIds, languages: Sequence[str] = ()
    ) -> Generator[Question, Answer, Found]:
        return ask_page(self.page_path(ids), self.needs, self.parse)


@dataclass(frozen=True, kw_only=True)
class TmdbApi(PosterSource):
    """The API of The Movie Database."""

    def questions(
        self, ids: ExternalIds, languages: Sequence[str] = ()
    ) -> Generator[Question, Answer, Found]:
        return tmdb_api.questions(ids, languages)


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
        parse=tmdb_page.parse,
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
        parse=imdb_page.parse,
        sizes=imdb_page.sizes,
    ),
)
POSTER_SOURCES: dict[str, PosterSource] = {source.name: source for source in _ALL}
