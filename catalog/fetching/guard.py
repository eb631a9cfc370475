"""Connections to allowed hosts only, whatever a page, a redirect or a DNS response contains.

`requests-hardened` resolves a name once, refuses private addresses and connects to the very address that it
checked, so a second DNS response changes nothing. This module adds the allow-list of schemes, hosts and
ports, which is checked before every request and every redirect, and a few more networks.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import requests
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter

from .deadline import DeadlineHTTPPool, DeadlineHTTPSPool, call_before_deadline
from .errors import Refused
from .policy import FetchPolicy

LONGEST_URL = 8_000  # characters: what every server should accept by RFC 9110, 4.1
DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443}
# At least two labels, the last not a number: no address in any notation, and no name of a local network.
_PUBLIC_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?!\d|0x)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")

# Not public either, besides those that Python's `is_global` excludes.
_EXCLUDED_NETWORKS = tuple(
    ip_network(network)
    for network in (
        "100.64.0.0/10",  # carrier-grade NAT
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # protocol assignments: Teredo (an IPv4 address inside), ORCHID, benchmarking
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)
# All that IANA has allocated. NAT64 (an IPv4 address inside), unique local, link-local, site-local, segment
# routing and IPv4-compatible addresses are outside.
_ALLOCATED = ip_network("2000::/3")


def check_url(url: str, policy: FetchPolicy) -> None:
    """Raise Refused unless `url` has an allowed scheme, host and port, no user name and no odd character."""
    if len(url) > LONGEST_URL:
        raise Refused(url, f"it has {len(url):,} characters; the limit is {LONGEST_URL:,}")
    if not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise Refused(url, "it has characters that are not allowed in addresses")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Refused(url, "it is not a valid address") from None
    if parts.scheme not in policy.schemes:
        raise Refused(url, f"only {' and '.join(policy.schemes)} may be fetched for {policy.name}")
    if "@" in parts.netloc:
        raise Refused(url, "addresses with a user name are not fetched")
    _check_host(url, parts.scheme, host, port, policy)


def host_key(url: str) -> str:
    """`host`, or `host:port` where the port is not its scheme's own: the key of limits and of robots.txt."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    return host if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the public internet routes `address` to a single host, and no other address is inside it."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, IPv6Address) and address not in _ALLOCATED:
        return False
    if any(address in network for network in _EXCLUDED_NETWORKS if network.version == address.version):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    )


class GuardedAdapter(IPFilterAdapter):
    """A transport that connects to one policy's hosts only, at public addresses (or allowed loopback)."""

    def __init__(self, policy: FetchPolicy, scheme: str) -> None:
        super().__init__(is_https_proto=scheme == "https", allow_loopback=policy.allow_loopback)
        self._policy = policy
        self.poolmanager.pool_classes_by_scheme = {"http": DeadlineHTTPPool, "https": DeadlineHTTPSPool}

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        # A key may be in the query, and no message may show it.
        url = (request.url or "").partition("?")[0]
        check_url(url, self._policy)
        try:
            build = super().build_connection_pool_key_attributes
            # Resolves the name, which takes as long as the system's resolver does.
            host_params, pool_kwargs = call_before_deadline(lambda: build(request, verify, cert))
        except InvalidIPAddress as error:
            raise Refused(url, f"its host is at {error}, which is not a public address") from error
        address = ip_address(str(host_params["host"]).strip("[]").partition("%")[0])
        if not is_public(address) and not (self._policy.allow_loopback and _is_loopback(address)):
            raise Refused(url, f"its host is at {address}, which is not a public address")
        return host_params, pool_kwargs


def _check_host(url: str, scheme: str, host: str | None, port: int | None, policy: FetchPolicy) -> None:
    if not host:
        raise Refused(url, "it has no host")
    name = f"[{host}]" if ":" in host else host
    allowed = {f"{name}:{port}"} if port is not None else {name, f"{name}:{DEFAULT_PORTS[scheme]}"}
    if port == DEFAULT_PORTS[scheme]:
        allowed.add(name)
    if policy.any_host and port in (None, DEFAULT_PORTS[scheme]) and _PUBLIC_NAME.fullmatch(host):
        return
    if policy.any_host:
        raise Refused(url, f"only names of public hosts at port {DEFAULT_PORTS[scheme]} are fetched")
    if not allowed & policy.hosts:
        raise Refused(
            url, f"{name} is not one of the hosts of {policy.name}: {', '.join(sorted(policy.hosts))}"
        )


def _is_loopback(address: IPv4Address | IPv6Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
