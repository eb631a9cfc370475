"""What a site's robots.txt says (RFC 9309), remembered for an hour, shared by all workers through Redis."""

import json
import math
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from protego import Protego
from redis import Redis

from .clock import Clock

LARGEST_BYTES = 500 * 1024  # RFC 9309, 2.5: at least this much is read; the rest may be ignored
REMEMBERED_S = 3600.0
CLOSED_S = 600.0


@dataclass(frozen=True)
class Robots:
    """One host's rules; `text` None means that robots.txt could not be read, which forbids all for now."""

    text: str | None

    def allows(self, url: str, name: str) -> bool:
        return self.text is not None and _parsed(self.text).can_fetch(url, name)

    def interval_s(self, name: str) -> float:
        """Seconds between requests that the site asks of `name`, 0 when it asks for none."""
        if self.text is None:
            return 0.0
        rules = _parsed(self.text)
        delay = rules.crawl_delay(name) or 0.0
        rate = rules.request_rate(name)
        if rate is not None and rate.requests > 0:
            delay = max(delay, rate.seconds / rate.requests)
        return delay if math.isfinite(delay) and delay > 0 else 0.0


FREE = Robots("")
CLOSED = Robots(None)


class RobotsMemory(Protocol):
    def get(self, host: str) -> Robots | None:
        """What is remembered of `scheme://host`, None when nothing is or it is too old."""

    def put(self, host: str, robots: Robots, seconds: float) -> None:
        """Remember for `seconds`."""


class RedisRobots:
    """Shared by every process that uses the same Redis or Valkey."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def get(self, host: str) -> Robots | None:
        stored = self._client.get(f"postersite:robots:{host}")
        if not isinstance(stored, bytes | str):
            return None
        try:
            text = json.loads(stored)["text"]
        except (ValueError, TypeError, KeyError):
            return None
        return Robots(text) if text is None or isinstance(text, str) else None

    def put(self, host: str, robots: Robots, seconds: float) -> None:
        self._client.set(
            f"postersite:robots:{host}", json.dumps({"text": robots.text}), px=max(int(seconds * 1000), 1)
        )


class InProcessRobots:
    """Shared by the threads of one process."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Robots]] = {}

    def get(self, host: str) -> Robots | None:
        with self._lock:
            till, robots = self._known.get(host, (0.0, None))
            return robots if robots is not None and self._clock.monotonic() < till else None

    def put(self, host: str, robots: Robots, seconds: float) -> None:
        with self._lock:
            self._known[host] = (self._clock.monotonic() + seconds, robots)


_in_process = InProcessRobots()


def robots_on(client: Redis | None) -> RobotsMemory:
    """Rules remembered in `client`, or, without one, by this process."""
    return _in_process if client is None else RedisRobots(client)


def read_robots(body: bytes) -> Robots:
    """The rules in a robots.txt, whatever its bytes; what is past LARGEST_BYTES is ignored."""
    return Robots(body[:LARGEST_BYTES].decode("utf-8-sig", errors="replace"))


@lru_cache(maxsize=64)
def _parsed(text: str) -> Protego:
    return Protego.parse(text)
