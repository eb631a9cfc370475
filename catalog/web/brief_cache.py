"""A cache for a few seconds, for values that are slow to compute and shown on many pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache

SECONDS = 5

Value = TypeVar("Value")


def briefly(name: str, compute: Callable[[], Value], seconds: float = SECONDS) -> Value:
    """The result of `compute`, cached under `name` for `seconds`.

    The value must not depend on the user, because all callers with the same name share it.
    """
    # Django's cache uses the system clock, which may be set back.
    now = time.monotonic()
    found: tuple[float, Value] | None = cache.get(name)
    if found is None or now - found[0] >= seconds:
        found = now, compute()
        cache.set(name, found, seconds)
    return found[1]
