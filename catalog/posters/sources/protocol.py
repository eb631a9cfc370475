"""How a poster source asks: it names addresses one by one, is given what they answer, and says what it found.

A source is a generator, so that it stays a pure function of the bytes it is given: who fetches, how politely,
and with which key is not its business.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from .links import NoPosterFound, PosterLink


class ExternalIds(Protocol):
    """Anything with a film's public ids: a Movie, a TitleRecord."""

    @property
    def imdb_id(self) -> str | None: ...

    @property
    def tmdb_id(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Question:
    """An address of the source, as a path with its query.

    holds_s: for how many seconds its answer may be given again, 0 for never; it must then be the same for
    every film. decides: while this answer stays the same, so do the film's posters.
    """

    path: str
    holds_s: int = 0
    decides: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answered. url: the one that answered in the end, without any key."""

    url: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """A film's posters, the one to show first; the page a person may look at; and what else was told."""

    links: tuple[PosterLink, ...]
    page_url: str
    tmdb_id: int | None = None
    franchise: str = ""


def ask_page(
    path: str | None, needs: str, parse: Callable[[bytes, str], PosterLink]
) -> Generator[Question, Answer, Found]:
    """One page that shows the poster. path: None for a film without the id that the site `needs`."""
    if path is None:
        raise NoPosterFound(f"this movie has no id that it knows, it needs {needs}")
    answer = yield Question(path, decides=True)
    return Found((parse(answer.body, answer.url),), page_url="")
