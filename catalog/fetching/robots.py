"""The rules of a site's robots.txt (RFC 9309), cached for an hour and shared by all workers through Redis."""

import json
import math
from dataclasses import dataclass
from functools import lru_cache

from protego import Protego
from redis import Redis

from .shared_state import milliseconds

LARGEST_BYTES = 500 * 1024  # RFC 9309, 2.5: at least this much is read; the rest may be ignored
CACHED_S = 3600.0
UNREADABLE_S = 600.0


@dataclass(frozen=True)
class Robots:
    """One site's rules; with `text` None robots.txt could not be read, which disallows everything for now."""

    text: str | None

    def allows(self, url: str, name: str) -> bool:
        return self.text is not None and _parsed(self.text).can_fetch(url, name)

    def interval_s(self, name: str) -> float:
        """Seconds between requests that the site demands of `name`, 0 if it demands none."""
        if self.text is None:
            return 0.0
        rules = _parsed(self.text)
        delay = rules.crawl_delay(name) or 0.0
        rate = rules.request_rate(name)
        if rate is not None and rate.requests > 0:
            delay = max(delay, rate.seconds / rate.requests)
        return delay if math.isfinite(delay) and delay > 0 else 0.0


ALLOW_ALL = Robots("")
UNREADABLE = Robots(None)


class RobotsCache:
    """The rules of sites, by `scheme://host`, shared by every process that uses the same Redis."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def get(self, origin: str) -> Robots | None:
        stored = self._client.get(_key(origin))
        if not isinstance(stored, bytes | str):
            return None
        try:
            text = json.loads(stored)["text"]
        except (ValueError, TypeError, KeyError):
            return None
        return Robots(text) if text is None or isinstance(text, str) else None

    def put(self, origin: str, robots: Robots, seconds: float) -> None:
        self._client.set(_key(origin), json.dumps({"text": robots.text}), px=max(milliseconds(seconds), 1))


def read_robots(body: bytes) -> Robots:
    """The rules in a robots.txt, whatever its bytes; what is past LARGEST_BYTES is ignored."""
    return Robots(body[:LARGEST_BYTES].decode("utf-8-sig", errors="replace"))


@lru_cache(maxsize=64)
def _parsed(text: str) -> Protego:
    return Protego.parse(text)


def _key(origin: str) -> str:
    return f"postersite:robots:{origin}"
