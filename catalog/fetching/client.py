"""A polite GET: guarded, throttled, within robots.txt, retried with care, and limited in bytes and time."""

import contextlib
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import quote, urljoin, urlsplit

import requests
from redis import Redis
from redis.exceptions import RedisError

from .counts import FetchCounts
from .errors import Denied, FetchError, NotFound, Refused, RobotsDisallow, ServerError, TryLater, printable
from .guard import GuardedAdapter, check_url, host_key
from .policy import Credential, FetchPolicy
from .response import Response, send
from .robots import (
    ALLOW_ALL,
    CACHED_S,
    LARGEST_BYTES,
    UNREADABLE,
    UNREADABLE_S,
    Robots,
    RobotsCache,
    read_robots,
)
from .throttle import Throttle, deadline_exceeded


@dataclass(frozen=True, slots=True)
class _Request:
    """An address with its headers, to be answered before `deadline` on the clock time.monotonic."""

    url: str
    headers: Mapping[str, str]
    deadline: float
    credential: Credential | None = field(default=None, repr=False)
    for_robots: bool = False

    def redirected(self, url: str) -> "_Request":
        """The same request to `url`; a key is not sent to another site than its own."""
        credential = self.credential if _origin(url) == _origin(self.url) else None
        return replace(self, url=url, credential=credential)


class PoliteClient:
    """Fetches by one policy, without cookies, proxies or .netrc. Threads may share a client.

    The state of hosts (permits, robots.txt, failures) is shared with all clients of the same Redis.
    """

    def __init__(self, policy: FetchPolicy, redis_client: Redis) -> None:
        self.policy = policy
        self._robots = RobotsCache(redis_client)
        self._throttle = Throttle(policy, redis_client)
        self._counts = FetchCounts(policy, redis_client)
        self._adapters = {scheme: GuardedAdapter(policy, scheme) for scheme in policy.schemes}

    def __enter__(self) -> "PoliteClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are open for reuse; the client still works afterwards."""
        for adapter in self._adapters.values():
            adapter.close()

    def get(
        self,
        url: str,
        *,
        accept: str = "*/*",
        etag: str = "",
        last_modified: str = "",
        credential: Credential | None = None,
    ) -> Response:
        """Fetch `url`; with `etag` or `last_modified` of an earlier response the status may be 304.

        `credential` is sent to the host of `url` only, and is in no address or message that is returned.

        Raises a FetchError, whose `retryable` says whether the same call may succeed later: NotFound (404,
        410), Refused (no allowed address, or a redirect to one), RobotsDisallow, Denied (other 4xx),
        TooLarge, DeadlineExceeded, TryLater (429, 503 with Retry-After, no permit in time, a failing host,
        to which nothing is sent), ServerError, Truncated.
        """
        headers = {"User-Agent": self.policy.user_agent, "Accept": accept, "Accept-Encoding": "gzip, deflate"}
        if etag and etag.isprintable() and etag.isascii():
            headers["If-None-Match"] = etag
        if last_modified and last_modified.isprintable() and last_modified.isascii():
            headers["If-Modified-Since"] = last_modified
        with _redis_errors(url):
            for host in sorted(self.policy.depends_on):
                self._throttle.check_circuit(url, host)
            deadline = time.monotonic() + self.policy.deadline_s
            return self._follow(_Request(url, headers, deadline, credential))

    def _follow(self, first: _Request) -> Response:
        request = first
        visited: set[str] = set()
        while len(visited) <= self.policy.max_redirects:
            check_url(request.url, self.policy)
            visited.add(request.url)
            interval_s = self.policy.interval_s(host_key(request.url))
            if self.policy.robots and not first.for_robots:
                interval_s = max(interval_s, self._obey_robots(request))
            response = self._send_with_retries(request, interval_s)
            if response.location is None:
                return response
            request = first.redirected(_next_hop(request.url, response.location))
            if request.url in visited:
                raise ServerError(
                    first.url, "it redirects in a circle", retryable=False, status=response.status
                )
        raise ServerError(
            first.url,
            f"it redirects more than {self.policy.max_redirects} times",
            retryable=False,
            status=302,
        )

    def _send_with_retries(self, request: _Request, interval_s: float) -> Response:
        attempt = 1
        while True:
            permit = self._throttle.acquire(request.url, interval_s, request.deadline)
            try:
                with permit:
                    return self._send(request)
            except TryLater as error:
                # It holds for all workers. The next permit includes the wait.
                self._throttle.pause(request.url, error.retry_after_s)
                if attempt >= self.policy.max_attempts:
                    raise
            except FetchError as error:
                pause = random.uniform(0, self._backoff_s(attempt))  # noqa: S311 - jitter, no secret
                out_of_time = time.monotonic() + pause >= self._throttle.last_start(request.deadline)
                if not error.retryable or attempt >= self.policy.max_attempts or out_of_time:
                    raise
                # One broken address must not be every probe of its host: this one has failed.
                if permit.is_probe:
                    raise
                time.sleep(pause)
            attempt += 1

    def _send(self, request: _Request) -> Response:
        remaining = request.deadline - time.monotonic()
        if remaining <= 0:
            raise deadline_exceeded(request.url, self.policy)
        try:
            credential = request.credential or Credential()
            prepared = requests.Request(
                "GET",
                request.url,
                headers={**request.headers, **credential.headers},
                params=dict(credential.query),
            ).prepare()
        except requests.RequestException as error:
            raise Refused(request.url, f"it is not a valid address: {error}") from error
        try:
            response = send(
                self._adapters[urlsplit(request.url).scheme],
                prepared,
                self.policy,
                url=request.url,
                remaining_s=remaining,
                now=time.time(),
                body_limit=LARGEST_BYTES if request.for_robots else self.policy.max_bytes,
                truncate_body=request.for_robots,
            )
        except FetchError as error:
            self._counts.add(request.url, error.code)
            raise
        self._counts.add(request.url, _result(response))
        return response

    def _obey_robots(self, request: _Request) -> float:
        """The crawl-delay of the site of `request`, in seconds. Raises RobotsDisallow."""
        url = request.url
        robots = self._robots.get(_origin(url)) or self._fetch_robots(_origin(url), request.deadline)
        if robots == UNREADABLE:
            raise RobotsDisallow(
                url,
                "the site's robots.txt cannot be read now, which disallows everything for a while",
                retryable=True,
            )
        if not robots.allows(url, self.policy.robots_name):
            raise RobotsDisallow(url, f"the site's robots.txt disallows it for {self.policy.robots_name}")
        return min(robots.interval_s(self.policy.robots_name), self.policy.max_crawl_delay_s)

    def _fetch_robots(self, origin: str, deadline: float) -> Robots:
        # RFC 9309, 2.3.1: 4xx allows everything, 5xx disallows everything, redirects are followed.
        headers = {"User-Agent": self.policy.user_agent, "Accept": "text/plain, */*;q=0.5"}
        try:
            response = self._follow(_Request(f"{origin}/robots.txt", headers, deadline, for_robots=True))
            robots, cached_s = read_robots(response.body), CACHED_S
        except (NotFound, Denied):
            robots, cached_s = ALLOW_ALL, CACHED_S
        except Refused as error:
            if error.url == f"{origin}/robots.txt":
                raise  # the host itself; else robots.txt redirects to a host that is not allowed
            robots, cached_s = UNREADABLE, UNREADABLE_S
        except ServerError as error:
            if error.status is None:
                raise  # no connection: that is about the host, not about its rules
            robots, cached_s = UNREADABLE, UNREADABLE_S
        self._robots.put(origin, robots, cached_s)
        return robots

    def _backoff_s(self, attempt: int) -> float:
        return min(self.policy.backoff_s * 2.0 ** (attempt - 1), self.policy.max_backoff_s)


@contextlib.contextmanager
def _redis_errors(url: str) -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise FetchError(
            url,
            f"the broker (Redis), through which workers share limits, does not respond: {error}",
            retryable=True,
        ) from error


def _result(response: Response) -> str:
    if response.location is not None:
        return "redirect"
    return "not_modified" if response.status == HTTPStatus.NOT_MODIFIED else "ok"


def _next_hop(url: str, location: str) -> str:
    # Headers come as Latin-1; a server that writes UTF-8 into Location means its percent-encoding.
    quoted = quote(location.encode("latin-1", errors="replace"), safe="!#$%&'()*+,/:;=?@[]~")
    try:
        return urljoin(url, quoted).partition("#")[0]
    except ValueError:
        raise Refused(url, f"it redirects to an invalid address: {printable(location)}") from None


def _origin(url: str) -> str:
    return f"{urlsplit(url).scheme}://{host_key(url)}"
