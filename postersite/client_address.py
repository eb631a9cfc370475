"""Whose sign-in attempts to count: the visitor's address, also when a proxy stands in between."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The visitor's address; behind our proxy the last one of X-Forwarded-For, which the proxy itself wrote.

    Earlier ones are the visitor's own words. Without a proxy the header is not looked at.
    """
    if settings.BEHIND_HTTPS:
        last = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        try:
            return str(ip_address(last))
        except ValueError:
            pass
    return str(request.META.get("REMOTE_ADDR", ""))
