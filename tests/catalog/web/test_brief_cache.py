"""What is remembered for a few seconds is forgotten then, whatever happens to the clock."""

from __future__ import annotations

import time
from functools import partial
from itertools import count
from unittest.mock import patch

from django.core.cache import cache
from pytest_django.fixtures import Settings

from catalog.web.brief_cache import briefly

DAY_S = 86_400


def test_values_are_kept_for_seconds_also_when_the_clock_is_set_back(settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    compute = partial(next, count())
    assert [briefly("number", compute), briefly("number", compute)] == [0, 0]
    clock, monotonic = time.time(), time.monotonic()
    with patch("time.time", return_value=clock - DAY_S), patch("time.monotonic", return_value=monotonic + 4):
        assert briefly("number", compute) == 0
    with patch("time.time", return_value=clock - DAY_S), patch("time.monotonic", return_value=monotonic + 6):
        assert briefly("number", compute) == 1


def test_what_takes_long_is_kept_for_longer_and_computed_by_one_thread(settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    clock = time.monotonic()
    numbers = count()

    def compute() -> int:
        nonlocal clock
        clock += 1
        # Meanwhile, another thread asks: it gets the old value, if there is one.
        assert cache.get("slow") is None or briefly("slow", compute) == 0
        return next(numbers)

    with patch("time.monotonic", lambda: clock):
        assert briefly("slow", compute) == 0
        clock += 19
        assert briefly("slow", compute) == 0
        clock += 2
        assert briefly("slow", compute) == 1
