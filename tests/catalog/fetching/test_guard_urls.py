"""Which addresses a policy lets through, before anything is connected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.fetching.errors import Refused
from catalog.fetching.guard import check_url, host_key
from catalog.fetching.policy import FetchPolicy

POLICY = FetchPolicy("films", frozenset({"films.example", "img.films.example:8443"}), "Postersite/0.1")


@pytest.mark.parametrize(
    "url",
    [
        "https://films.example/movie/7",
        "https://films.example:443/movie/7",
        "https://FILMS.example/movie/7",
        "https://img.films.example:8443/t/p/w500/x.jpg",
    ],
)
def test_allowed_addresses_pass(url: str) -> None:
    check_url(url, POLICY)
    assert host_key(url) in POLICY.hosts


@pytest.mark.parametrize(
    ("url", "because"),
    [
        ("http://films.example/movie/7", "only https"),
        ("ftp://films.example/x", "only https"),
        ("file:///etc/passwd", "only https"),
        ("//films.example/x", "only https"),
        ("", "only https"),
        ("https://films.example:8443/", "not one of the hosts"),
        ("https://img.films.example/x.jpg", "not one of the hosts"),
        ("https://evil.example/", "not one of the hosts"),
        ("https://films.example.evil.example/", "not one of the hosts"),
        ("https://evilfilms.example/", "not one of the hosts"),
        ("https://www.films.example/", "not one of the hosts"),
        ("https://films.example./", "not one of the hosts"),
        ("https://127.0.0.1/", "not one of the hosts"),
        ("https://2130706433/", "not one of the hosts"),
        ("https://[::1]/", "not one of the hosts"),
        ("https://films.example@evil.example/", "user name"),
        ("https://user:secret@films.example/", "user name"),
        ("https://films.example:0/", "not one of the hosts"),
        ("https://films.example:99999/", "not a valid address"),
        ("https://films.example:x/", "not a valid address"),
        ("https://[films.example/", "not a valid address"),
        ("https:///movie/7", "names no host"),
        ("https://films.example\\@evil.example/", "characters"),
        ("https://films.example/a b", "characters"),
        ("https://films.example/a\r\nHost: evil.example", "characters"),
        ("https://films.example/\x00", "characters"),
        ("https://films。example/", "characters"),
        ("https://ﬁlms.example/", "characters"),
    ],
)
def test_everything_else_is_refused_with_a_reason(url: str, because: str) -> None:
    with pytest.raises(Refused, match=because) as caught:
        check_url(url, POLICY)
    assert not caught.value.retryable


def test_a_password_is_not_repeated_in_the_error() -> None:
    with pytest.raises(Refused) as caught:
        check_url("https://user:hunter2@films.example/", POLICY)
    assert "hunter2" not in str(caught.value)


@given(st.text(max_size=60))
def test_no_text_passes_unless_its_host_is_allowed(text: str) -> None:
    for url in (text, "https://" + text):
        try:
            check_url(url, POLICY)
        except Refused:
            continue
        assert host_key(url) in POLICY.hosts


def test_pacing_knows_a_host_by_one_name() -> None:
    assert host_key("https://Films.example:443/a") == host_key("https://films.example/b") == "films.example"
    assert host_key("http://127.0.0.1:8900/") == "127.0.0.1:8900"
