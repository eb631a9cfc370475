"""Figures that every page shows and that take a while to count, remembered for a few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache

SECONDS = 5

Value = TypeVar("Value")


def briefly(name: str, compute: Callable[[], Value], seconds: float = SECONDS) -> Value:
    """What `compute` returns, or returned in this process less than `seconds` ago under the same name.

    Only for what all visitors may see, or all who may see the page: the name does not say who asks.
    """
    # Django's cache goes by the system clock, which may be set back.
    now = time.monotonic()
    found: tuple[float, Value] | None = cache.get(name)
    if found is None or now - found[0] >= seconds:
        found = now, compute()
        cache.set(name, found, seconds)
    return found[1]
