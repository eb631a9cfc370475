"""Which URLs a policy allows, before any connection is made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.fetching.errors import Refused
from catalog.fetching.guard import check_url, host_key
from catalog.fetching.policy import FetchPolicy

POLICY = FetchPolicy("films", frozenset({"films.example", "img.films.example:8443"}), "Postersite/0.1")


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
def test_allowed_addresses_pass(url: str) -> None:
    assert is_allowed(url)
    assert host_key(url) in POLICY.hosts


@pytest.mark.parametrize("kind", REFUSED)
def test_everything_else_is_refused(kind: str) -> None:
    assert [url for url in REFUSED[kind] if is_allowed(url)] == []


def test_an_address_of_a_million_characters_is_refused() -> None:
    assert not is_allowed(ALLOWED[0] + "x" * 10**6)


def test_a_password_is_not_repeated_in_the_error() -> None:
    with pytest.raises(Refused) as caught:
        check_url("https://user:hunter2@films.example/", POLICY)
    assert "hunter2" not in str(caught.value)


@given(st.text(max_size=60))
def test_no_text_passes_unless_its_host_is_allowed(text: str) -> None:
    for url in (text, "https://" + text):
        assert not is_allowed(url) or host_key(url) in POLICY.hosts


def test_spellings_of_a_host_share_one_key() -> None:
    assert host_key("https://Films.example:443/a") == host_key("https://films.example/b") == "films.example"
    assert host_key("http://127.0.0.1:8900/") == "127.0.0.1:8900"
