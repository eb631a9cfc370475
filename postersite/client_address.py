"""The visitor's address, also behind a proxy, for counting attempts to sign in."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest

# An IPv6 customer has at least this many bits of addresses.
INTERFACE_BITS = 64


def client_address(request: HttpRequest) -> str | None:
    """The visitor's address; behind our proxy the last one of X-Forwarded-For, which the proxy itself wrote.

    The visitor can invent the ones before it. Without a proxy the header is ignored. Returns the network of
    an IPv6 address (/64), and an IPv4 address in IPv6 form as IPv4. None when there is no address, as
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
