"""Whose sign-in attempts to count: the visitor's address, also when a proxy stands in between."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest

# One IPv6 customer has at least so many bits of addresses to choose from.
INTERFACE_BITS = 64


def client_address(request: HttpRequest) -> str | None:
    """The visitor's address; behind our proxy the last one of X-Forwarded-For, which the proxy itself wrote.

    Earlier ones are the visitor's own words. Without a proxy the header is not looked at. Of an IPv6 address
    the network is given (/64); an IPv4 address in IPv6 form is the IPv4 address. None when there is none, as
    when the server listens on a Unix socket.
    """
    candidates = [str(request.META.get("REMOTE_ADDR", ""))]
    if settings.BEHIND_HTTPS:
        candidates.insert(0, request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip())
    for candidate in candidates:
        try:
            address = ip_address(candidate)
        except ValueError:
            continue
        if not isinstance(address, IPv6Address):
            return str(address)
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> INTERFACE_BITS << INTERFACE_BITS))
    return None
