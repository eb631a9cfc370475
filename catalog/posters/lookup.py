"""Look movies up at poster sources, with clients that obey the limits of each source."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256

from django.conf import settings
from django.core.cache import cache
from redis import Redis

from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import Denied, Refused
from catalog.fetching.guard import check_url
from catalog.fetching.policy import Credential, FetchPolicy
from catalog.fetching.response import Response
from catalog.models import Movie, SourceLookup

from . import source_settings
from .sources.links import NoPosterFound
from .sources.protocol import Found, SourceResponse
from .sources.registry import POSTER_SOURCES, PosterSource

LARGEST_PAGE = 3 * 1024 * 1024  # bytes
LARGEST_IMAGE = 20 * 1024 * 1024  # bytes
# For one address, retries included: two sources with a page and an image each take less than a lease.
DEADLINE_S = 25.0

# TMDB issues two kinds of key: the older one is a query parameter, the "read access token" a header.
_V3_KEY = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class SourceClient:
    """A poster source with the clients for its pages, or API, and for its images."""

    source: PosterSource
    pages: PoliteClient
    images: PoliteClient


@dataclass(frozen=True, slots=True)
class LookupResult:
    """The result of a source. found: None if its posters are the same as last time. overview: "" if the
    source has none, or was not asked for it. url: the address with the validators (RFC 9110, 8.8) for the
    next request; "" where the source sent none."""

    found: Found | None
    url: str
    etag: str = ""
    last_modified: str = ""
    overview: str = ""


class NotLookedUp(NoPosterFound):
    """No request was sent, or one without a valid key: the source may have a poster."""


class _NotModified(Exception):
    """The source has the same posters as last time."""


def source_client(source: PosterSource) -> SourceClient:
    """The clients of a source; their connections are reused."""
    return SourceClient(
        source,
        pages=_client(_policy(source, LARGEST_PAGE, robots=source.obeys_robots), settings.REDIS_URL),
        images=_client(_policy(source, LARGEST_IMAGE), settings.REDIS_URL),
    )


def enabled_clients() -> list[SourceClient]:
    """The clients of the enabled sources, in the configured order."""
    return [source_client(source) for source in source_settings.enabled_sources()]


def user_agent() -> str:
    """The User-Agent: the project, its version, and a contact of the operator."""
    contact = settings.CONTACT or "no contact given"
    return f"Postersite/{settings.VERSION} (film catalogue; {contact})"


def poster_url_error(url: str, *sources: PosterSource) -> str:
    """Why this address is no poster of any source, or of those given, as a sentence; "" if it is one."""
    among = sources or tuple(POSTER_SOURCES.values())
    at_replica = bool(settings.REPLICA_URL)
    policy = FetchPolicy(
        name="poster sources",
        hosts=frozenset().union(*map(source_settings.hosts, among)),
        schemes=("http",) if at_replica else ("https",),
        user_agent="Postersite",
    )
    try:
        check_url(url, policy)
    except Refused as error:
        return str(error)
    if not any(source.sizes(url) for source in among):
        return f"{url} is not the address of a poster"
    return ""


def look_up(client: SourceClient, movie: Movie, previous: SourceLookup | None = None) -> LookupResult:
    """The movie's posters and overview at the source.

    With the `previous` lookup the source is only checked for changes, if it supports that. A movie without an
    overview needs the whole response, even an unchanged one.
    Raises NoPosterFound if it has none, NotLookedUp without a key or a known id, and FetchError.
    """
    source = client.source
    if missing := source_settings.missing_key(source):
        raise NotLookedUp(missing)
    requests = _Requests(client, previous, whole=not movie.overview)
    try:
        found = source.find(movie, requests.get, settings.POSTER_LANGUAGES)
    except _NotModified:
        return requests.result(None)
    except Denied as error:
        if source.key and error.status == 401:
            raise NotLookedUp(f"{source.name} does not accept the key in {source.key}: {error}") from error
        raise
    except NoPosterFound as error:
        if not requests.first_url:
            raise NotLookedUp(str(error)) from error
        raise
    return requests.result(None if requests.unchanged else found, found.overview)


class _Requests:
    """Sends the requests of one lookup."""

    def __init__(self, client: SourceClient, previous: SourceLookup | None, *, whole: bool) -> None:
        self._client, self._previous, self._whole = client, previous, whole
        self._base_url = source_settings.base_url(client.source)
        self._credential = _credential(client.source)
        self._validator = LookupResult(None, "")
        self.first_url = ""
        self.unchanged = False

    def get(self, path: str, *, ttl: int = 0, is_validator: bool = False) -> SourceResponse:
        url = self._base_url + path
        self.first_url = self.first_url or url
        key = f"source-response-{sha256(url.encode()).hexdigest()}"
        cached = cache.get(key) if ttl else None
        if isinstance(cached, SourceResponse):
            return cached
        last = self._previous if is_validator and self._previous and self._previous.url == url else None
        use = None if self._whole else last
        fetched = self._client.pages.get(
            url,
            accept=self._client.source.accept,
            etag=use.etag if use else "",
            last_modified=use.last_modified if use else "",
            credential=self._credential,
        )
        if is_validator:
            self._validator = LookupResult(None, url, fetched.etag, fetched.last_modified)
            if fetched.status == 304:
                raise _NotModified
            self.unchanged = last is not None and _is_same(fetched, last)
        response = SourceResponse(fetched.url, fetched.body)
        if ttl:
            cache.set(key, response, ttl)
        return response

    def result(self, found: Found | None, overview: str = "") -> LookupResult:
        if found is not None and not found.page_url:
            found = replace(found, page_url=self.first_url)
        return replace(self._validator, found=found, overview=overview)


def _is_same(fetched: Response, last: SourceLookup) -> bool:
    """Whether the whole response has the validators of the last one: a conditional request gives a 304."""
    if fetched.etag or last.etag:
        return fetched.etag == last.etag
    return fetched.last_modified == last.last_modified != ""


def _credential(source: PosterSource) -> Credential | None:
    if not source.key:
        return None
    key = source_settings.api_key(source)
    return Credential(query={"api_key": key}) if _V3_KEY.fullmatch(key) else Credential.bearer(key)


def _policy(source: PosterSource, max_bytes: int, *, robots: bool = True) -> FetchPolicy:
    at_replica = bool(settings.REPLICA_URL)
    rates = source_settings.requests_per_second(source)
    return FetchPolicy(
        name=source.name,
        hosts=source_settings.hosts(source),
        schemes=("http",) if at_replica else ("https",),
        allow_loopback=at_replica,
        user_agent=user_agent(),
        host_intervals_s={host: 1.0 / rate for host, rate in rates.items()},
        max_at_once=settings.REQUESTS_AT_ONCE,
        depends_on=frozenset({source_settings.image_host(source)}),
        max_bytes=max_bytes,
        deadline_s=DEADLINE_S,
        robots=robots,
    )


@lru_cache(maxsize=16)
def _client(policy: FetchPolicy, redis_url: str) -> PoliteClient:
    return PoliteClient(policy, Redis.from_url(redis_url, socket_connect_timeout=5, socket_timeout=10))
