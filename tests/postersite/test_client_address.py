"""Which address a sign-in attempt counts for."""

from typing import Any

import pytest
from django.test import RequestFactory

from postersite.client_address import client_address


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
