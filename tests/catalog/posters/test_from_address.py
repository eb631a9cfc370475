"""A picture from an address that staff entered: which addresses are fetched at all."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from redis import Redis

from catalog.fetching.errors import Refused
from catalog.posters.from_address import fetch_picture, policy


@pytest.mark.parametrize(
    "address", ["10.0.0.7", "127.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "fd00::1"]
)
def test_names_of_private_hosts_are_refused(
    broker: Redis, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def resolve(*given: Any, **options: Any) -> list[Any]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(Refused):
        fetch_picture("https://films.example/poster.jpg")


def test_the_policy_has_no_exceptions() -> None:
    chosen = policy()
    assert (chosen.schemes, chosen.allow_loopback, chosen.any_host) == (("https",), False, True)
