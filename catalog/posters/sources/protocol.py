"""How poster sources are looked up: a source requests paths through a function and returns what it found.

Sources are pure functions of the responses: fetching, throttling and keys are not their business.
"""

from dataclasses import dataclass
from typing import Protocol

from .links import PosterLink


class ExternalIds(Protocol):
    """Anything with the public ids of a film: a Movie, a TitleRecord."""

    @property
    def imdb_id(self) -> str | None: ...

    @property
    def tmdb_id(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class SourceResponse:
    """The response to a request. url: the one that responded in the end, without a key."""

    url: str
    body: bytes


class Get(Protocol):
    """Sends a request to the source.

    path: with its query. ttl: for how many seconds the response may be cached, 0 for never; it must be the
    same for every film. is_validator: while this response is the same, so are the film's posters.
    """

    def __call__(self, path: str, *, ttl: int = 0, is_validator: bool = False) -> SourceResponse: ...


@dataclass(frozen=True, slots=True)
class Found:
    """A film's posters, the first to show first; the page for people; and what else the source knows.

    overview: plain text (see overviews.py), "" without one.
    """

    links: tuple[PosterLink, ...]
    page_url: str
    tmdb_id: int | None = None
    franchise: str = ""
    overview: str = ""
