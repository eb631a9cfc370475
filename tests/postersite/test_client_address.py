"""Which address a sign-in attempt counts for."""

from typing import Any

import pytest
from django.test import RequestFactory

from postersite.client_address import client_address, is_local


@pytest.mark.parametrize(
    ("behind", "forwarded", "expected"),
    [
        (False, "203.0.113.9", "10.0.0.1"),
        (True, "203.0.113.9", "203.0.113.9"),
        (True, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (True, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        (True, "::ffff:203.0.113.9", "203.0.113.9"),
        (True, "fe80::1%eth0", "fe80::"),
        (True, "nonsense", "10.0.0.1"),
        (True, "", "10.0.0.1"),
    ],
)
def test_only_the_proxys_own_word_is_taken(
    settings: Any, behind: bool, forwarded: str, expected: str
) -> None:
    settings.BEHIND_HTTPS = behind
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR=forwarded, REMOTE_ADDR="10.0.0.1")
    assert client_address(request) == expected


def test_without_an_address_there_is_none() -> None:
    assert client_address(RequestFactory().get("/", REMOTE_ADDR="")) is None


@pytest.mark.parametrize(
    ("behind", "forwarded", "address", "host", "expected"),
    [
        (False, None, "127.0.0.1", "localhost:8000", True),
        (False, None, "127.8.8.8", "testserver", True),
        (False, None, "::1", "[::1]:8000", True),
        (False, None, "::ffff:127.0.0.1", "localhost", True),
        (False, None, "10.0.0.1", "localhost", False),
        (False, None, "::ffff:10.0.0.1", "localhost", False),
        (False, None, "", "localhost", False),
        (False, None, "127.0.0.1", "evil.example", False),
        (False, "203.0.113.9", "127.0.0.1", "localhost", False),
        (False, "127.0.0.1", "127.0.0.1", "localhost", False),
        (True, None, "127.0.0.1", "localhost", True),
        (True, "127.0.0.1, 203.0.113.9", "127.0.0.1", "localhost", False),
        (True, "203.0.113.9, 127.0.0.1", "127.0.0.1", "localhost", True),
        (True, "nonsense", "127.0.0.1", "localhost", False),
        (True, "", "127.0.0.1", "localhost", False),
    ],
)
def test_a_program_on_this_machine_is_local_and_a_visitor_of_its_proxy_is_not(
    settings: Any, behind: bool, forwarded: str | None, address: str, host: str, expected: bool
) -> None:
    settings.BEHIND_HTTPS = behind
    settings.ALLOWED_HOSTS = ["localhost", "[::1]", "testserver"]
    headers: dict[str, Any] = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    request = RequestFactory().get("/metrics", REMOTE_ADDR=address, HTTP_HOST=host, **headers)
    assert is_local(request) is expected
