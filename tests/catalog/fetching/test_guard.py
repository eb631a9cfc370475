"""The guard: which URLs a policy allows, and that the client connects to public addresses only."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.conf import settings
from hypothesis import example, given
from hypothesis import strategies as st
from redis import Redis
from urllib3.util import parse_url

from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import DeadlineExceeded, FetchError, Refused
from catalog.fetching.guard import check_url, host_key, is_public
from catalog.fetching.policy import FetchPolicy
from tests.catalog.fetching.clients import client_for
from tests.replica.faults import FaultySite

POLICY = FetchPolicy("films", frozenset({"films.example", "img.films.example:8443"}), "Postersite/0.1")
ANY_SCHEME = FetchPolicy("films", frozenset({"films.example"}), "Postersite/0.1", schemes=("http", "https"))

ALLOWED = [
    "https://films.example/movie/7",
    "https://films.example:443/movie/7",
    "https://films.example:0443/",
    "https://FILMS.example/movie/7",
    "https://films.example/@evil.example/",
    "https://films.example?@evil.example",
    "https://films.example#@evil.example/",
    "https://films.example/%0d%0aHost:%20evil.example",
    "https://films.example/..%2f..%2fetc/passwd",
    "https://img.films.example:8443/t/p/w500/x.jpg",
]
REFUSED = {
    "scheme": [
        "", "films.example", "//films.example/x", "http://films.example/movie/7", "ftp://films.example/x",
        "file:///etc/passwd", "gopher://films.example/_x", "data:text/html,x", "javascript:alert(1)",
    ],
    "no host": ["https://", "https:films.example/", "https:/films.example/", "https:///movie/7"],
    "other host": [
        "https://evil.example/", "https://films.example.evil.example/", "https://evilfilms.example/",
        "https://www.films.example/", "https://films.example./", "https://img.films.example/x.jpg",
        "https://films.example:0/", "https://films.example:80/", "https://films.example:8443/",
        "https://evil.example#@films.example/", "https://evil.example?films.example",
        "https://films%2eexample/", "https://films.example%00/", "https://xn--flms-u9c.example/",
        "https://localhost/", "https://127.0.0.1/", "https://127.1/", "https://2130706433/",
        "https://0x7f000001/", "https://0x7f.1/", "https://017700000001/", "https://0/",
        "https://169.254.169.254/latest/meta-data/", "https://[::1]/", "https://[::]/",
        "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/", "https://[fe80::1%25eth0]/",
    ],
    "user name": [
        "https://user:secret@films.example/", "https://@films.example/", "https://films.example@evil.example/",
        "https://films.example:443@evil.example/", "https://films.example;@evil.example/",
        "https://films.example%2f@evil.example/",
    ],
    "length": [ALLOWED[0] + "x" * 10**6],
    "malformed": [
        "https://films.example:99999/", "https://films.example:-1/", "https://films.example:x/",
        "https://films.example:443:80/", "https://[films.example/", "https://[films.example]/",
    ],
    "characters": [
        " https://films.example/", "\thttps://films.example/", "https://films.exa\tmple/",
        "https://films.example/a b", "https://films.example/a\r\nHost: evil.example",
        "https://films.example/\x00", "https://films.example\x00.evil.example/",
        "https://films.example\\@evil.example/", "https://evil.example\\@films.example/",
        "https://films.example\\.evil.example/", "https:\\\\films.example\\", "https://films。example/",
        "https://ﬁlms.example/", "https://fіlms.example/", "https://films.example／evil.example/",
        "https://films.example:４４３/", "https://films.example\u202e/",
    ],
}  # fmt: skip


def is_allowed(url: str) -> bool:
    try:
        check_url(url, POLICY)
    except Refused as error:
        assert not error.retryable
        return False
    return True


@pytest.mark.parametrize("url", ALLOWED)
def test_allowed_urls_pass(url: str) -> None:
    assert is_allowed(url)
    assert host_key(url) in POLICY.hosts


@pytest.mark.parametrize("kind", REFUSED)
def test_everything_else_is_refused(kind: str) -> None:
    assert [url for url in REFUSED[kind] if is_allowed(url)] == []


def test_a_password_is_not_repeated_in_the_error() -> None:
    with pytest.raises(Refused) as caught:
        check_url("https://user:hunter2@films.example/", POLICY)
    assert "hunter2" not in str(caught.value)


def test_spellings_of_a_host_share_one_key() -> None:
    assert host_key("https://Films.example:443/a") == host_key("https://films.example/b") == "films.example"
    assert host_key("http://127.0.0.1:8900/") == "127.0.0.1:8900"


pieces = st.sampled_from([
    "films.example", "evil.example", "FILMS.example", "127.0.0.1", "::1", "xn--", "a", "https:", "http:",
    "//", "/", "\\", "@", ":", "443", "80", "?", "#", "[", "]", "%2f", "%00", "%40", ".", ";", "&", "=",
    "\t", "\n", " ", "|",
])  # fmt: skip
addresses = st.lists(pieces, max_size=9).map("".join)


ANY_HOST = FetchPolicy("pictures", frozenset(), "Postersite/0.1", any_host=True)


@pytest.mark.parametrize(
    "url",
    [
        *(each for each in ALLOWED if ":8443" not in each),
        "https://a.example/x.jpg",
        "https://xn--flms-u9c.example/",
        "https://img.films.example:443/x.jpg",
        "https://1.films.example/x",
    ],
)
def test_any_public_name_may_be_allowed_at_the_port_of_https(url: str) -> None:
    check_url(url, ANY_HOST)


@pytest.mark.parametrize(
    "url",
    [
        *(url for kind, urls in REFUSED.items() if kind != "other host" for url in urls),
        *("https://films.example:80/", "https://films.example:8443/", "https://films.example:0/"),
        *(
            "https://localhost/",
            "https://intranet/x.jpg",
            "https://localhost:443/",
            "https://films.example./",
        ),
        *(
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
        ),
        *(
            "https://017700000001/",
            "https://0/",
            "https://8.8.8.8/",
            "https://169.254.169.254/",
            "https://1.0x7f/",
        ),
        *(
            "https://[::1]/",
            "https://[2606:4700::1111]/",
            "https://[::ffff:7f00:1]/",
            "https://films%2eexample/",
        ),
        *(
            "https://-films.example/",
            "https://films..example/",
            "https://.example/",
            "https://fil_ms.example/",
        ),
    ],
)
def test_any_host_means_neither_addresses_nor_local_names_nor_other_ports(url: str) -> None:
    with pytest.raises(Refused):
        check_url(url, ANY_HOST)


def browser_host(url: str) -> str:
    """The host as the WHATWG URL standard finds it: tabs and line breaks are dropped, backslashes
    count as slashes, and the last @ before the path ends the user name."""
    text = re.sub(r"[\t\r\n]", "", url.strip("\x00\x01\x1f ")).replace("\\", "/")
    authority = re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]*:/*", "", text)
    authority = re.split(r"[/?#]", authority, maxsplit=1)[0].rpartition("@")[2]
    return re.sub(r":[0-9]*$", "", authority).lower()


@given(addresses.map(lambda rest: f"https://{rest}") | addresses | st.text(max_size=60))
@example("https://films.example\\@evil.example/")
@example("https://evil.example#@films.example/")
def test_every_parser_finds_the_same_host_in_an_allowed_url(url: str) -> None:
    try:
        check_url(url, ANY_SCHEME)
    except Refused:
        return
    sent = requests.Request("GET", url).prepare().url or ""
    for reading in (url, sent):
        assert (urlsplit(reading).hostname or "").lower() == "films.example"
        assert (parse_url(reading).host or "").lower() == "films.example"
        assert browser_host(reading) == "films.example"
    check_url(sent, ANY_SCHEME)


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


# The IPv4-mapped copies too, and networks outside of 2000::/3.
NETWORKS = [
    *_CLOSED_4, *_CLOSED_6, "2000::/3", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "5f00::/16", "fc00::/7",
    "fe80::/10", "fec0::/10", "ff00::/8", "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "::ffff:10.0.0.0/104",
    "::ffff:127.0.0.0/104",
]  # fmt: skip


def edges() -> Iterator[IPv4Address | IPv6Address]:
    """The addresses around the first and the last one of each network, and one in its middle."""
    for network in NETWORKS:
        start, length = network.split("/")
        first = ip_address(start)
        size = 1 << (first.max_prefixlen - int(length))
        for offset in (-1, 0, 1, size // 2, size - 1, size):
            yield type(first)(min(max(int(first) + offset, 0), (1 << first.max_prefixlen) - 1))


def test_is_public_agrees_with_the_registries_at_the_edges_of_networks() -> None:
    assert [address for address in edges() if is_public(address) != reference_is_public(address)] == []
    for address in map(ip_address, ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8")):
        assert is_public(address)
    for address in map(
        ip_address, ("127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::a00:1")
    ):
        assert not is_public(address)


@given(
    st.ip_addresses()
    | st.integers(0, 2**125 - 1).map(lambda n: IPv6Address(2**125 + n))
    | st.integers(0, 2**32 - 1).map(lambda n: IPv6Address((0xFFFF << 32) + n))
)
def test_is_public_agrees_with_the_registries(address: IPv4Address | IPv6Address) -> None:
    assert is_public(address) == reference_is_public(address)


@pytest.mark.parametrize(
    ("scheme", "address"),
    [
        ("http", "127.0.0.1"),
        ("https", "169.254.169.254"),
        ("http", "192.168.1.1"),
        ("https", "::1"),
        ("http", "::ffff:10.0.0.1"),
        ("https", "64:ff9b::a00:1"),
    ],
)
def test_a_name_that_resolves_to_an_inside_address_is_refused(
    scheme: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = resolve_to(monkeypatch, [address])
    with pytest.raises(Refused):
        films_client(schemes=(scheme,)).get(f"{scheme}://films.example/")
    assert connected == []


@pytest.mark.parametrize(
    ("dns_responses", "expected"),
    [
        ([["8.8.8.8"], ["127.0.0.1"]], ["8.8.8.8"]),
        ([["127.0.0.1"], ["8.8.8.8"]], []),
        ([["8.8.8.8", "10.0.0.1"]], ["8.8.8.8"]),
        ([["10.0.0.1", "8.8.8.8"]], []),
        ([[]], []),
    ],
    ids=["rebinding", "rebinding back", "public first", "private first", "no such name"],
)
def test_only_the_address_that_was_checked_is_connected_to(
    dns_responses: list[list[str]], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = resolve_to(monkeypatch, *dns_responses)
    with pytest.raises(FetchError):
        films_client().get("https://films.example/")
    assert connected == expected


def test_a_resolver_that_does_not_respond_meets_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: over.wait(20))
    with pytest.raises(DeadlineExceeded):
        films_client(deadline_s=0.3).get("https://films.example/")
    over.set()


def test_loopback_is_for_policies_that_allow_it(site: FaultySite) -> None:
    assert client_for(site.url).get(site.url + "/movie/7").status == 200
    with pytest.raises(Refused):
        client_for(site.url, allow_loopback=False).get(site.url + "/movie/7")
    assert len(site.paths("/movie/")) == 1


def test_a_policy_for_loopback_does_not_allow_the_local_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolve_to(monkeypatch, ["192.168.1.1"])
    with pytest.raises(Refused):
        client_for("http://films.example").get("http://films.example/")
    assert connected == []


def test_proxies_of_the_environment_are_not_used(site: FaultySite, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert client_for(site.url).get(site.url + "/movie/7").status == 200


def films_client(**changes: Any) -> PoliteClient:
    """A client for https://films.example that tries once."""
    rules: dict[str, Any] = {"robots": False, "max_attempts": 1, **changes}
    policy = FetchPolicy("films", frozenset({"films.example"}), "Postersite/0.1", **rules)
    return PoliteClient(policy, Redis.from_url(settings.REDIS_URL))


def resolve_to(monkeypatch: pytest.MonkeyPatch, *dns_responses: list[str]) -> list[str]:
    """Let DNS respond with these addresses in turn; returns a list of attempted connections."""
    connected: list[str] = []
    connect_as_before = socket.socket.connect
    remaining = iter(dns_responses)

    def resolve(host: str, port: Any, *rest: Any, **more: Any) -> Any:
        # The system resolves a numeric address without a query.
        addresses = [host] if host[0].isdigit() or ":" in host else next(remaining)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    def connect(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_UNIX:
            return connect_as_before(self, address)  # to Redis
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return connected
