"""Find and fetch posters: ask the switched-on sources in turn, store the first good picture."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

import redis
from django.conf import settings
from django.db import IntegrityError, transaction

import postersite
from catalog.fetching.client import PoliteClient, polite_client
from catalog.fetching.errors import Denied, FetchError, NotFound, RobotsDisallow, TooLarge, TryLater, shown
from catalog.fetching.policy import FetchPolicy
from catalog.fetching.robots import CLOSED_S
from catalog.models import Movie, Poster, RunItem
from catalog.sources.poster_questions import Found
from catalog.sources.poster_sources import POSTER_SOURCES, NoPosterFound, PosterSource
from ml.images import ImageRejected

from . import claims, placeholders
from .asking import look_up
from .duplicate_decisions import is_wrong
from .posters import store_poster

LARGEST_PAGE = 3 * 1024 * 1024  # bytes
LARGEST_IMAGE = 20 * 1024 * 1024  # bytes
# For one address, retries included: two sources with a page and a picture each stay within a claim's lease.
DEADLINE_S = 25.0
RETRY_PACING_S = 30.0
NO_SOURCE = (
    "No poster source is switched on. Set POSTERSITE_POSTER_SOURCES (for example to tmdb_page) after "
    "reading docs/data-sources.md."
)


class NoPoster(LookupError):
    """No source has a usable poster for the movie; the message lists what each said."""


class NotNow(RuntimeError):
    """A site, or what paces us, asks to come back after `seconds`; nothing is wrong with the movie."""

    def __init__(self, why: str, seconds: float) -> None:
        super().__init__(why)
        self.seconds = seconds


def why_not() -> str:
    """Why no poster can be fetched whatever the movie, in a sentence; empty when some can."""
    return "" if settings.POSTER_SOURCES else NO_SOURCE


def scrape_items(items: Sequence[RunItem]) -> None:
    """Fetch one poster for each item's movie, and finish, fail or postpone the item."""
    for index, item in enumerate(items):
        assert item.movie is not None  # noqa: S101  a scrape run has movies for items
        # A slow site must not let the lease run out on the items that wait behind this one.
        if item.pk not in claims.keep(items[index:], begin=True):
            continue
        try:
            poster = scrape_movie(item.movie)
        except NotNow as error:
            claims.postpone(item, error.seconds, str(error))
        except NoPoster as error:
            claims.fail(item, str(error))
        else:
            claims.finish(item, f"{poster.width}×{poster.height} from {poster.source}")


def scrape_movie(movie: Movie) -> Poster:
    """Fetch and store the movie's poster from the first source that has a good one.

    Raises NoPoster when none has, NotNow when a site asks us to wait and no other source helped.
    """
    if not settings.POSTER_SOURCES:
        raise NoPoster(NO_SOURCE)
    said: list[str] = []
    wait: NotNow | None = None
    for name in settings.POSTER_SOURCES:
        try:
            return _from_source(movie, name)
        except FetchError as error:
            seconds = _wait_s(error)
            if seconds is not None:
                wait = wait or NotNow(str(error), seconds)
            said.append(f"{name}: {error}.")
        except (NoPosterFound, NoPoster) as error:
            said.append(f"{name}: {error}.")
    if wait is not None:
        raise wait
    if settings.REPLICA_URL:
        said.append(
            f"Only the replica at {settings.REPLICA_URL} was asked; for the real sites, start without it."
        )
    raise NoPoster(f"No poster for {movie}. " + " ".join(said))


def learn(movie: Movie, told: Found) -> None:
    """Fill in what the movie lacks and its source told; what it has already is left alone."""
    if told.franchise:
        Movie.objects.filter(pk=movie.pk, franchise="").update(franchise=told.franchise)
    if told.tmdb_id is not None and movie.tmdb_id is None:
        # Another row may be the same film, which is for a person to say.
        with suppress(IntegrityError), transaction.atomic():
            Movie.objects.filter(pk=movie.pk, tmdb_id=None).update(tmdb_id=told.tmdb_id)


def _wait_s(error: FetchError) -> float | None:
    """When to come back after an error that is the whole site's, or our own; None for the movie's own."""
    if isinstance(error, TryLater):
        return error.retry_after_s
    if isinstance(error, RobotsDisallow) and error.retryable:
        return CLOSED_S
    return RETRY_PACING_S if type(error) is FetchError and error.retryable else None


def _from_source(movie: Movie, name: str) -> Poster:
    source = POSTER_SOURCES.get(name)
    if source is None:
        raise NoPoster(f"there is no such source; there are {', '.join(sorted(POSTER_SOURCES))}")
    told = look_up(
        source, movie, _client(_policy(source, LARGEST_PAGE, robots=source.obeys_robots), settings.REDIS_URL)
    )
    link = told.link
    images = _client(_policy(source, LARGEST_IMAGE), settings.REDIS_URL)
    last: NotFound | Denied | TooLarge | NoPoster | None = None
    for url in (link.url, *link.alternatives):
        try:
            picture = images.get(url, accept="image/*")
            if is_wrong(movie, picture.body):
                raise NoPoster("it shows the picture that a person took away from this movie")
            if why := placeholders.refuse(movie, picture.body, source=source.name, source_url=url):
                raise NoPoster(why)
            poster = store_poster(
                movie,
                picture.body,
                source=source.name,
                source_url=url,
                page_url=told.page_url,
                attribution=attribution(source),
                etag=picture.etag or "",
                last_modified=picture.last_modified or "",
            )
            learn(movie, told)
            return poster
        except (NotFound, Denied, TooLarge) as error:
            # All three are about this one size: stores of pictures say 403 of what they do not have.
            last = error
        except ImageRejected as error:
            last = NoPoster(f"{shown(url)}: {str(error).rstrip('.')}")
    raise last or NoPoster("its page links no picture")


def _policy(source: PosterSource, max_bytes: int, *, robots: bool = True) -> FetchPolicy:
    at_replica = bool(settings.REPLICA_URL)
    return FetchPolicy(
        name=source.name,
        hosts=source.hosts(settings.REPLICA_URL or None),
        schemes=("http",) if at_replica else ("https",),
        allow_loopback=at_replica,
        user_agent=user_agent(),
        min_interval_s=1.0 / settings.REQUESTS_PER_SECOND,
        max_bytes=max_bytes,
        deadline_s=DEADLINE_S,
        robots=robots,
    )


@lru_cache(maxsize=16)
def _client(policy: FetchPolicy, redis_url: str) -> PoliteClient:
    memory = redis.Redis.from_url(redis_url, socket_connect_timeout=5, socket_timeout=10)
    if settings.EMBEDDED_BROKER:
        try:
            memory.ping()
        except redis.RedisError:
            # The site is not up, so there are no workers to share the pacing with: a command works alone.
            return polite_client(policy)
    return polite_client(policy, memory)


def attribution(source: PosterSource) -> str:
    """What is shown with a poster; a replica's pictures are not the site's whose form it has."""
    if settings.REPLICA_URL:
        return "Served by a replica site in place of the real one."
    return source.attribution


def user_agent() -> str:
    """What sites see: the project, its version, and how to reach whoever runs this copy."""
    contact = settings.CONTACT or "no contact given"
    return f"Postersite/{postersite.__version__} (film catalogue; {contact})"
