"""Addresses of pages that a list names many times."""

from __future__ import annotations

from functools import cache

from django.urls import get_script_prefix, get_urlconf, reverse

STAND_IN = 10**15  # no row's id


def address(name: str, pk: int) -> str:
    """What `reverse(name, args=[pk])` returns; it is looked up once, because that takes long on a page of 50."""
    return _pattern(name, get_script_prefix(), get_urlconf()).replace(str(STAND_IN), str(pk))


@cache
def _pattern(name: str, prefix: str, urlconf: str | None) -> str:
    return reverse(name, args=[STAND_IN])
