"""The client connects to public addresses only, whatever DNS responds, and never through a proxy."""

import ipaddress
import socket
import threading
from typing import Any

import pytest
from django.conf import settings
from redis import Redis

from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import DeadlineExceeded, FetchError, Refused
from catalog.fetching.guard import is_public
from catalog.fetching.policy import FetchPolicy
from tests.catalog.fetching.clients import client_for
from tests.replica.faults import FaultySite

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.88.99.1", "198.18.0.1", "192.0.2.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::a00:1",
    "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:53aa:64c::1", "2001:20::1",
    "2001:db8::1", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1",
    "ff02::1",
]  # fmt: skip
OUTSIDE = [
    "8.8.8.8",
    "172.15.0.1",
    "172.32.0.1",
    "100.63.0.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
]


def test_only_public_addresses_are_public() -> None:
    assert [address for address in INSIDE if is_public(ipaddress.ip_address(address))] == []
    assert [address for address in OUTSIDE if not is_public(ipaddress.ip_address(address))] == []


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
