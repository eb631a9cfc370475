"""What may be fetched from one source, how often, how much, and with which key."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from .circuit_breaker import CircuitPolicy


@dataclass(frozen=True)
class FetchPolicy:
    """The rules of one source; every number is a limit that the client never exceeds.

    `hosts` are exact names, each with its scheme's own port unless written `host:port`. `any_host` allows all
    names of public hosts at their scheme's own port, for addresses that staff enter. `allow_loopback` and
    the scheme http are for the replica site and tests only. `user_agent` names the project and a contact, as
    in "Postersite/0.1 (+https://example.org/contact)"; the part before "/" is the name in robots.txt.
    `deadline_s` holds for one `get` as a whole: waiting for a permit, redirects, retries and the body.

    A host gets a request every `min_interval_s` seconds, or as `host_intervals_s` says, each time up to
    `jitter` (a share) later, and at most `max_at_once` requests at once, from all workers together. While one
    of the hosts in `depends_on` has an open `circuit`, nothing is fetched.
    """

    name: str
    hosts: frozenset[str]
    user_agent: str
    schemes: tuple[str, ...] = ("https",)
    any_host: bool = False
    allow_loopback: bool = False
    min_interval_s: float = 1.0
    host_intervals_s: Mapping[str, float] = field(default_factory=dict, hash=False)
    jitter: float = 0.2
    max_at_once: int = 4
    circuit: CircuitPolicy = field(default_factory=CircuitPolicy)
    depends_on: frozenset[str] = frozenset()
    max_bytes: int = 10_000_000
    deadline_s: float = 30.0
    connect_timeout_s: float = 5.0
    max_redirects: int = 3
    max_attempts: int = 3
    backoff_s: float = 0.5
    max_backoff_s: float = 8.0
    max_retry_after_s: float = 3600.0
    max_crawl_delay_s: float = 3600.0
    robots: bool = True

    def __post_init__(self) -> None:
        if not self.hosts and not self.any_host:
            raise ValueError(f"the fetch policy {self.name!r} allows no host")
        if any(host != host.lower() or "/" in host or "@" in host for host in self.hosts):
            raise ValueError(
                f"the hosts of the fetch policy {self.name!r} must be lower-case names, not URLs: "
                f"{', '.join(sorted(self.hosts))}"
            )
        if not set(self.schemes) <= {"http", "https"}:
            raise ValueError(f"the fetch policy {self.name!r} may use http and https, not {self.schemes}")
        if not self.robots_name or not self.user_agent.isprintable() or not self.user_agent.isascii():
            raise ValueError(
                f"the User-Agent of the fetch policy {self.name!r} must be plain text with a name"
            )
        for number in ("max_bytes", "deadline_s", "connect_timeout_s", "max_attempts", "max_at_once"):
            if getattr(self, number) <= 0:
                raise ValueError(f"{number} of the fetch policy {self.name!r} must be above 0")
        if any(not 0 <= s < math.inf for s in (self.min_interval_s, *self.host_intervals_s.values())):
            raise ValueError(f"the intervals of the fetch policy {self.name!r} must be seconds, 0 or more")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter of the fetch policy {self.name!r} must be a share from 0 to 1")

    def interval_s(self, host: str) -> float:
        """Seconds between two requests to `host` (or `host:port`)."""
        return self.host_intervals_s.get(host, self.min_interval_s)

    @property
    def robots_name(self) -> str:
        """The product token by which robots.txt addresses us (RFC 9309, 2.2.1)."""
        return self.user_agent.partition("/")[0].strip()


@dataclass(frozen=True, slots=True)
class Credential:
    """A key that a site gave its operator: headers and query parameters of every request to one host.

    After a redirect to another host they are not sent.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def bearer(cls, token: str) -> Self:
        """RFC 6750: a token in the Authorization header."""
        return cls(headers={"Authorization": f"Bearer {token}"})
