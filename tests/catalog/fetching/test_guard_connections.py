"""What is connected to: never a private address, whatever DNS says, and never through a proxy."""

import ipaddress
import socket
from typing import Any

import pytest

from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import FetchError, Refused
from catalog.fetching.guard import is_public
from catalog.fetching.pacing import InProcessPacer
from catalog.fetching.policy import FetchPolicy
from catalog.fetching.robots import InProcessRobots
from tests.catalog.fetching.replicas import client_for
from tests.replica.faults import FaultySite

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.88.99.1", "198.18.0.1", "192.0.2.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::a00:1",
    "64:ff9b::808:808", "64:ff9b:1::1", "2001::1", "2001:0:53aa:64c::1", "2002:a00:1::1", "2001:db8::1",
    "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1",
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


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_or_in_disguise_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", INSIDE)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_resolves_to_an_inside_address_is_refused(
    address: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _answering(address))
    monkeypatch.setattr(socket.socket, "connect", _no_connection)
    policy = FetchPolicy(
        "films", frozenset({"films.example"}), "Postersite/0.1", schemes=(scheme,), robots=False
    )
    with pytest.raises(Refused, match="not a public address"):
        PoliteClient(policy, InProcessPacer(), InProcessRobots()).get(f"{scheme}://films.example/")


def test_a_second_dns_answer_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[str] = []
    answers = iter(["8.8.8.8", "127.0.0.1"])

    def resolve(host: str, port: Any, *rest: Any, **more: Any) -> Any:
        # A numeric address is what the system itself answers without asking anybody.
        return _answering(host if host[0].isdigit() else next(answers))(host, port)

    def connect(self: socket.socket, address: Any) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)
    policy = FetchPolicy(
        "films", frozenset({"films.example"}), "Postersite/0.1", robots=False, max_attempts=1
    )
    with pytest.raises(FetchError):
        PoliteClient(policy, InProcessPacer(), InProcessRobots()).get("https://films.example/")
    assert connected == ["8.8.8.8"]


def test_loopback_is_for_policies_that_say_so(site: FaultySite) -> None:
    assert client_for(site.url).get(site.url + "/movie/7").status == 200
    with pytest.raises(Refused, match="not a public address"):
        client_for(site.url, allow_loopback=False).get(site.url + "/movie/7")
    assert len(site.paths("/movie/")) == 1


def test_a_policy_for_loopback_is_not_one_for_the_network_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _answering("192.168.1.1"))
    monkeypatch.setattr(socket.socket, "connect", _no_connection)
    with pytest.raises(Refused, match=r"192\.168\.1\.1"):
        client_for("http://films.example").get("http://films.example/")


def test_proxies_of_the_environment_are_not_used(site: FaultySite, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert client_for(site.url).get(site.url + "/movie/7").status == 200


def _answering(address: str) -> Any:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def resolve(host: str, port: Any, *rest: Any, **more: Any) -> Any:
        place = (address, port, 0, 0) if family == socket.AF_INET6 else (address, port)
        return [(family, socket.SOCK_STREAM, 6, "", place)]

    return resolve


def _no_connection(self: socket.socket, address: Any) -> None:
    raise AssertionError(f"connected to {address}")
