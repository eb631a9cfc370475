"""Addresses of pages that a list names many times."""

from __future__ import annotations

from functools import cache

from django.urls import get_script_prefix, reverse

STAND_IN = str(10**15)  # no row's id


def address(name: str, pk: int) -> str:
    """What `reverse(name, args=[pk])` returns. It is looked up once: that takes long for each of 50 films."""
    return _pattern(name, get_script_prefix()).replace(STAND_IN, str(pk))


@cache
def _pattern(name: str, prefix: str) -> str:
    return reverse(name, args=[STAND_IN])
