"""A cache for a few seconds, for values that are slow to compute and shown on many pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache

SECONDS = 5
# On large catalogues a value may take a second. Computing it takes at most a twentieth of the time then.
TIMES_AS_LONG = 20
# The longest that a thread may compute a value while others get the old one.
PATIENCE_S = 60

Value = TypeVar("Value")


def briefly(name: str, compute: Callable[[], Value], seconds: float = SECONDS) -> Value:
    """The result of `compute`, cached for `seconds`, or 20 times as long as it took if that is more.

    While it is computed again, other threads get the old one. The value must not depend on the user, because
    all callers with the same `name` share it.
    """
    # Django's cache uses the system clock, which may be set back.
    now = time.monotonic()
    found: tuple[float, Value] | None = cache.get(name)
    if found is not None and (now < found[0] or not cache.add(f"{name}:again", True, PATIENCE_S)):
        return found[1]
    try:
        value = compute()
        ended = time.monotonic()
        lasts_s = max(seconds, TIMES_AS_LONG * (ended - now))
        cache.set(name, (ended + lasts_s, value), lasts_s + PATIENCE_S)
    finally:
        cache.delete(f"{name}:again")
    return value
