"""Find and fetch posters: ask the switched-on sources in turn, store the first good picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import redis
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

import postersite
from catalog.fetching.client import PoliteClient, polite_client
from catalog.fetching.errors import FetchError, NotFound, TryLater
from catalog.fetching.policy import FetchPolicy
from catalog.models import Movie, Poster, RunItem
from catalog.sources.poster_sources import POSTER_SOURCES, NoPosterFound, PosterSource
from ml.images import ImageRejected

from . import claims
from .posters import store_poster

LARGEST_PAGE = 3 * 1024 * 1024  # bytes
LARGEST_IMAGE = 20 * 1024 * 1024  # bytes
# For one address, retries included: two sources with a page and a picture each stay within a claim's lease.
DEADLINE_S = 25.0


class NoPoster(LookupError):
    """No source has a usable poster for the movie; the message lists what each said."""


def scrape_items(items: Sequence[RunItem]) -> None:
    """Fetch one poster for each item's movie, and finish, fail or postpone the item."""
    for index, item in enumerate(items):
        assert item.movie is not None  # noqa: S101  a scrape run has movies for items
        # A slow site must not let the lease run out on the items that wait behind this one.
        if item.pk not in claims.keep(items[index:]):
            continue
        try:
            poster = scrape_movie(item.movie)
        except TryLater as error:
            claims.postpone(item, error.retry_after_s, str(error))
        except (NoPoster, FetchError) as error:
            claims.fail(item, str(error))
        except SoftTimeLimitExceeded:
            raise
        else:
            claims.finish(item, f"{poster.width}×{poster.height} from {poster.source}")


def scrape_movie(movie: Movie) -> Poster:
    """Fetch and store the movie's poster from the first source that has a good one.

    Raises NoPoster when none has; catalog.fetching.client.TryLater when a site asks us to wait and no other
    source helped.
    """
    if not settings.POSTER_SOURCES:
        raise NoPoster(
            "No poster source is switched on. Set POSTERSITE_POSTER_SOURCES (for example to tmdb_page) after "
            "reading docs/data-sources.md."
        )
    said: list[str] = []
    wait: TryLater | None = None
    for name in settings.POSTER_SOURCES:
        try:
            return _from_source(movie, POSTER_SOURCES[name])
        except TryLater as error:
            wait = wait or error
        except (FetchError, NoPosterFound, ImageRejected, NoPoster) as error:
            said.append(f"{name}: {error}")
    if wait is not None:
        raise wait
    raise NoPoster(f"No poster for {movie}. " + " ".join(said))


def _from_source(movie: Movie, source: PosterSource) -> Poster:
    page_url = source.page_url(movie, settings.REPLICA_URL or source.base_url)
    if page_url is None:
        raise NoPoster(f"this movie has no id that {source.name} knows.")
    page = _client(source.name, "page").get(page_url, accept="text/html")
    link = source.parse(page.body, page.final_url)
    last: Exception | None = None
    for url in (link.url, *link.alternatives):
        try:
            picture = _client(source.name, "image").get(url, accept="image/*")
            return store_poster(
                movie,
                picture.body,
                source=source.name,
                source_url=url,
                page_url=page_url,
                attribution=source.attribution,
                etag=picture.etag or "",
                last_modified=picture.last_modified or "",
            )
        except (NotFound, ImageRejected) as error:
            last = error
    raise last or NoPoster("its page links no picture.")


@cache
def _client(source_name: str, what: str) -> PoliteClient:
    source = POSTER_SOURCES[source_name]
    at_replica = bool(settings.REPLICA_URL)
    policy = FetchPolicy(
        name=source_name,
        hosts=source.hosts(settings.REPLICA_URL or None),
        schemes=("http",) if at_replica else ("https",),
        allow_loopback=at_replica,
        user_agent=user_agent(),
        min_interval_s=1.0 / settings.REQUESTS_PER_SECOND,
        max_bytes=LARGEST_PAGE if what == "page" else LARGEST_IMAGE,
        deadline_s=DEADLINE_S,
    )
    return polite_client(policy, redis.Redis.from_url(settings.REDIS_URL))


def user_agent() -> str:
    """What sites see: the project, its version, and how to reach whoever runs this copy."""
    contact = settings.CONTACT or "no contact given"
    return f"Postersite/{postersite.__version__} (film catalogue; {contact})"
