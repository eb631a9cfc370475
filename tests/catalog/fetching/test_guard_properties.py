"""Every URL parser finds the same host in an allowed URL, and public addresses are those of IANA's lists."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import requests
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from catalog.fetching.errors import Refused
from catalog.fetching.guard import check_url, is_public
from catalog.fetching.policy import FetchPolicy

POLICY = FetchPolicy("films", frozenset({"films.example"}), "Postersite/0.1", schemes=("http", "https"))

pieces = st.sampled_from([
    "films.example", "evil.example", "FILMS.example", "127.0.0.1", "::1", "xn--", "a", "https:", "http:",
    "//", "/", "\\", "@", ":", "443", "80", "?", "#", "[", "]", "%2f", "%00", "%40", ".", ";", "&", "=",
    "\t", "\n", " ", "|",
])  # fmt: skip
addresses = st.lists(pieces, max_size=9).map("".join)


def browser_host(url: str) -> str:
    """The host as the WHATWG URL standard finds it: tabs and line breaks are dropped, backslashes
    count as slashes, and the last @ before the path ends the user name."""
    text = re.sub(r"[\t\r\n]", "", url.strip("\x00\x01\x1f ")).replace("\\", "/")
    authority = re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]*:/*", "", text)
    authority = re.split(r"[/?#]", authority, maxsplit=1)[0].rpartition("@")[2]
    return re.sub(r":[0-9]*$", "", authority).lower()


@given(addresses.map(lambda rest: f"https://{rest}") | addresses)
@example("https://films.example\\@evil.example/")
@example("https://evil.example#@films.example/")
def test_every_parser_finds_the_same_host_in_an_allowed_url(url: str) -> None:
    try:
        check_url(url, POLICY)
    except Refused:
        return
    sent = requests.Request("GET", url).prepare().url or ""
    for reading in (url, sent):
        assert (urlsplit(reading).hostname or "").lower() == "films.example"
        assert (parse_url(reading).host or "").lower() == "films.example"
        assert browser_host(reading) == "films.example"
    check_url(sent, POLICY)


# Networks that are not globally reachable or that embed another address, by
# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, with multicast
# and reserved ones. They are compared as bits, to share nothing with the code under test.
_CLOSED_4 = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
]  # fmt: skip
_CLOSED_6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]
_MAPPED = "0" * 80 + "1" * 16


def bits(address: IPv4Address | IPv6Address) -> str:
    return "".join(f"{byte:08b}" for byte in address.packed)


def within(address: str, network: str) -> bool:
    start, length = network.split("/")
    return address[: int(length)] == bits(ip_address(start))[: int(length)]


def reference_is_public(address: IPv4Address | IPv6Address) -> bool:
    written = bits(address)
    if address.version == 6 and written.startswith(_MAPPED):
        written = written[96:]
    if len(written) == 32:
        return not any(within(written, network) for network in _CLOSED_4)
    return written.startswith("001") and not any(within(written, network) for network in _CLOSED_6)


near = st.sampled_from(
    [*_CLOSED_4, *_CLOSED_6, "2000::/3", "64:ff9b::/96", "fc00::/7", "fe80::/10", "::ffff:0:0/96"]
)


@st.composite
def at_an_edge(draw: st.DrawFn) -> IPv4Address | IPv6Address:
    start, length = draw(near).split("/")
    first = ip_address(start)
    size = 1 << (first.max_prefixlen - int(length))
    number = int(first) + draw(st.sampled_from([-1, 0, 1, size // 2, size - 1, size]))
    kind = type(first)
    return kind(min(max(number, 0), (1 << first.max_prefixlen) - 1))


@given(
    at_an_edge()
    | st.ip_addresses()
    | st.integers(0, 2**125 - 1).map(lambda n: IPv6Address(2**125 + n))
    | st.integers(0, 2**32 - 1).map(lambda n: IPv6Address((0xFFFF << 32) + n))
)
def test_is_public_agrees_with_the_registries(address: IPv4Address | IPv6Address) -> None:
    assert is_public(address) == reference_is_public(address)
