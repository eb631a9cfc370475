"""The visitor's address, also behind a proxy: for counting attempts to sign in, and for the metrics."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.core.exceptions import DisallowedHost
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


def is_local(request: HttpRequest) -> bool:
    """Whether a program on this machine sent the request itself, to a host name of the site.

    False when a proxy forwarded it for a visitor elsewhere, also for one that the settings do not know of.
    The host name matters because a page in a local browser may send requests under a name of its own.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    address = str(request.META.get("REMOTE_ADDR", ""))
    if forwarded is not None:
        if not settings.BEHIND_HTTPS:
            return False
        address = forwarded.rpartition(",")[2].strip()
    try:
        request.get_host()
        found = ip_address(address)
    except (DisallowedHost, ValueError):
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback
