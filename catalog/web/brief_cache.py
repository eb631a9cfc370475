"""Cache for a few seconds what many pages show and what is slow to compute."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache

SECONDS = 5

Value = TypeVar("Value")


def briefly(name: str, compute: Callable[[], Value], seconds: float = SECONDS) -> Value:
    """What `compute` returns, or returned in this process less than `seconds` ago under the same name.

    Only for values that do not depend on the user: all callers with the same name share them.
    """
    # Django's cache goes by the system clock, which may be set back.
    now = time.monotonic()
    found: tuple[float, Value] | None = cache.get(name)
    if found is None or now - found[0] >= seconds:
        found = now, compute()
        cache.set(name, found, seconds)
    return found[1]
