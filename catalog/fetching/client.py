"""One polite GET: guarded, paced, within robots.txt, retried with care, and capped in bytes and time."""

import contextlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urljoin, urlsplit

import redis.exceptions
import requests
from redis import Redis

from .circuit_breaker import Breaker, InProcessBreaker, breaker_on
from .clock import Clock
from .credential import Credential
from .errors import (
    Denied,
    FetchError,
    NotFound,
    Refused,
    RobotsDisallow,
    ServerTrouble,
    TryLater,
    shown,
)
from .guard import GuardedAdapter, check_url, host_key
from .pacing import InProcessPacer, Pacer, pacer_on
from .policy import FetchPolicy
from .response import Answer, ask
from .robots import (
    CLOSED,
    CLOSED_S,
    FREE,
    LARGEST_BYTES,
    REMEMBERED_S,
    InProcessRobots,
    Robots,
    RobotsMemory,
    read_robots,
    robots_on,
)
from .slots import InProcessSlots, Slots, slots_on
from .throttle import Gate, too_late

LONGEST_ETAG, LONGEST_DATE = 200, 60  # characters; a longer one is hardly worth storing


@dataclass(frozen=True, slots=True)
class Fetched:
    """One answer. With `status` 304 the body is empty: what the validators named is still good.

    `headers` have lower-case names; `content_type` is lower case and without parameters. Validators that are
    senselessly long are left out.
    """

    url: str
    final_url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    content_type: str
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class _Request:
    """One address to ask, and what goes with it: to be answered before `deadline` on the client's clock."""

    url: str
    headers: Mapping[str, str]
    deadline: float
    credential: Credential | None = field(default=None, repr=False)
    for_robots: bool = False

    def redirected(self, url: str) -> "_Request":
        """The same asked at `url`; a key goes to no other site than the one it was meant for."""
        known = self.credential if _origin(url) == _origin(self.url) else None
        return replace(self, url=url, credential=known)


class PoliteClient:
    """Fetches by one policy. Cookies are not kept, proxies and .netrc of the environment not used.

    `pacer`, `robots`, `slots` and `breaker` are shared with other clients of the same hosts; without them
    this client has its own (`polite_client` takes all from one Redis). Threads may share a client.
    """

    def __init__(
        self,
        policy: FetchPolicy,
        pacer: Pacer | None = None,
        robots: RobotsMemory | None = None,
        clock: Clock | None = None,
        slots: Slots | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self.policy = policy
        self._clock = clock = clock or Clock()
        self._robots = robots or InProcessRobots(clock)
        self._gate = Gate(
            policy,
            pacer or InProcessPacer(clock),
            slots or InProcessSlots(clock),
            breaker or InProcessBreaker(clock),
            clock,
        )
        self._adapters = {scheme: GuardedAdapter(policy, scheme) for scheme in policy.schemes}

    def __enter__(self) -> "PoliteClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections kept for reuse; the client still works afterwards."""
        for adapter in self._adapters.values():
            adapter.close()

    def get(
        self,
        url: str,
        *,
        accept: str = "*/*",
        etag: str | None = None,
        last_modified: str | None = None,
        credential: Credential | None = None,
    ) -> Fetched:
        """Fetch `url`; with `etag` or `last_modified` of an earlier answer the status may be 304.

        `credential` is shown to the host of `url` alone, and is in no address or message that comes back.

        Raises a FetchError, whose `retryable` says whether the same call may succeed later: NotFound (404,
        410), Refused (no allowed address, or a redirect to one), RobotsDisallow, Denied (other 4xx),
        TooLarge, Deadline, TryLater (429, 503 with Retry-After, a turn beyond the deadline, a failing host,
        which is then not asked), ServerTrouble, Truncated.
        """
        headers = {"User-Agent": self.policy.user_agent, "Accept": accept, "Accept-Encoding": "gzip, deflate"}
        if etag and etag.isprintable() and etag.isascii():
            headers["If-None-Match"] = etag
        if last_modified and last_modified.isprintable() and last_modified.isascii():
            headers["If-Modified-Since"] = last_modified
        with _shared_memory_of(url):
            for host in sorted(self.policy.leads_to):
                self._gate.check(url, host)
            deadline = self._clock.monotonic() + self.policy.deadline_s
            return self._follow(_Request(url, headers, deadline, credential))

    def _follow(self, first: _Request) -> Fetched:
        request = first
        seen: set[str] = set()
        while len(seen) <= self.policy.max_redirects:
            check_url(request.url, self.policy)
            seen.add(request.url)
            interval_s = self.policy.interval_s(host_key(request.url))
            if self.policy.robots and not first.for_robots:
                interval_s = max(interval_s, self._obey_robots(request))
            answer = self._ask_until_answered(request, interval_s)
            if answer.location is None:
                return _fetched(first.url, request.url, answer)
            request = first.redirected(_next_hop(request.url, answer.location))
            if request.url in seen:
                raise ServerTrouble(
                    first.url, "it redirects in a circle", retryable=False, status=answer.status
                )
        raise ServerTrouble(
            first.url,
            f"it redirects more than {self.policy.max_redirects} times",
            retryable=False,
            status=302,
        )

    def _ask_until_answered(self, request: _Request, interval_s: float) -> Answer:
        attempt = 1
        while True:
            turn = self._gate.take_turn(request.url, interval_s, request.deadline)
            try:
                with turn:
                    return self._ask_once(request)
            except TryLater as error:
                # Everyone waits: the site has told one of us for all. The wait is in the next turn.
                self._gate.slow_down(request.url, error.retry_after_s)
                if attempt >= self.policy.max_attempts:
                    raise
            except FetchError as error:
                pause = random.uniform(0, self._backoff_s(attempt))  # noqa: S311 - jitter, no secret
                out_of_time = self._clock.monotonic() + pause >= self._gate.last_call(request.deadline)
                if not error.retryable or attempt >= self.policy.max_attempts or out_of_time:
                    raise
                # One address in trouble for good must not be every probe of its host: this one has failed.
                if turn.is_probe:
                    raise
                self._clock.sleep(pause)
            attempt += 1

    def _ask_once(self, request: _Request) -> Answer:
        remaining = request.deadline - self._clock.monotonic()
        if remaining <= 0:
            raise too_late(request.url, self.policy)
        try:
            told = request.credential or Credential()
            prepared = requests.Request(
                "GET", request.url, headers={**request.headers, **told.headers}, params=dict(told.query)
            ).prepare()
        except requests.RequestException as error:
            raise Refused(request.url, f"it is not a valid address: {error}") from error
        return ask(
            self._adapters[urlsplit(request.url).scheme],
            prepared,
            self.policy,
            url=request.url,
            remaining_s=remaining,
            now=self._clock.wall(),
            body_limit=LARGEST_BYTES if request.for_robots else self.policy.max_bytes,
            cut_body=request.for_robots,
        )

    def _obey_robots(self, request: _Request) -> float:
        """The crawl-delay of the site of `request`, in seconds. Raises RobotsDisallow."""
        url = request.url
        robots = self._robots.get(_origin(url)) or self._fetch_robots(_origin(url), request.deadline)
        if robots == CLOSED:
            raise RobotsDisallow(
                url,
                "the site's robots.txt cannot be read now, which forbids everything for a while",
                retryable=True,
            )
        if not robots.allows(url, self.policy.robots_name):
            raise RobotsDisallow(url, f"the site's robots.txt forbids it to {self.policy.robots_name}")
        return min(robots.interval_s(self.policy.robots_name), self.policy.max_crawl_delay_s)

    def _fetch_robots(self, origin: str, deadline: float) -> Robots:
        # RFC 9309, 2.3.1: 4xx leaves a site free, 5xx closes it, redirects are followed.
        headers = {"User-Agent": self.policy.user_agent, "Accept": "text/plain, */*;q=0.5"}
        try:
            fetched = self._follow(_Request(f"{origin}/robots.txt", headers, deadline, for_robots=True))
            robots, remembered_s = read_robots(fetched.body), REMEMBERED_S
        except (NotFound, Denied):
            robots, remembered_s = FREE, REMEMBERED_S
        except Refused as error:
            if error.url == f"{origin}/robots.txt":
                raise  # the host itself; else robots.txt redirects to where we do not go
            robots, remembered_s = CLOSED, CLOSED_S
        except ServerTrouble as error:
            if error.status is None:
                raise  # no connection: that is about the host, not about its rules
            robots, remembered_s = CLOSED, CLOSED_S
        self._robots.put(origin, robots, remembered_s)
        return robots

    def _backoff_s(self, attempt: int) -> float:
        return min(self.policy.backoff_s * 2.0 ** (attempt - 1), self.policy.max_backoff_s)


def polite_client(policy: FetchPolicy, redis_client: Redis | None = None) -> PoliteClient:
    """A client that shares what it knows of hosts (turns, robots.txt, failures) through `redis_client`.

    Without one it shares them with the other threads of this process.
    """
    return PoliteClient(
        policy,
        pacer_on(redis_client),
        robots_on(redis_client),
        slots=slots_on(redis_client),
        breaker=breaker_on(redis_client),
    )


@contextlib.contextmanager
def _shared_memory_of(url: str) -> Iterator[None]:
    try:
        yield
    except redis.exceptions.RedisError as error:
        raise FetchError(
            url, f"the pacing shared by all workers (Redis) does not answer: {error}", retryable=True
        ) from error


def _next_hop(url: str, location: str) -> str:
    # Headers come as Latin-1; a server that writes UTF-8 into Location means its percent-encoding.
    quoted = quote(location.encode("latin-1", errors="replace"), safe="!#$%&'()*+,/:;=?@[]~")
    try:
        return urljoin(url, quoted).partition("#")[0]
    except ValueError:
        raise Refused(url, f"it redirects to what is no address: {shown(location)}") from None


def _origin(url: str) -> str:
    return f"{urlsplit(url).scheme}://{host_key(url)}"


def _fetched(url: str, final_url: str, answer: Answer) -> Fetched:
    headers = answer.headers
    return Fetched(
        url=url,
        final_url=final_url,
        status=answer.status,
        headers=headers,
        body=answer.body,
        content_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        etag=_kept(headers.get("etag"), LONGEST_ETAG),
        last_modified=_kept(headers.get("last-modified"), LONGEST_DATE),
    )


def _kept(validator: str | None, longest: int) -> str | None:
    return validator if validator and len(validator) <= longest else None
