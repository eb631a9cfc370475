"""What an answer carries, what a request says, and what is not kept."""

import socket
from pathlib import Path

import pytest

from catalog.fetching.errors import Denied, FetchError, ServerTrouble
from tests.catalog.fetching.replicas import IMAGE_PATH, POSTER, FakeTime, client_for
from tests.replica.faults import FaultySite, body, html_instead, status
from tests.replica.raw_server import RawServer


def answer_twice(connection: socket.socket, heard: list[bytes]) -> None:
    """Set a cookie, and keep what the second request on the connection says."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: id=1; Path=/\r\n\r\nok"
    connection.sendall(answer)
    heard.append(connection.recv(65536))
    connection.sendall(answer)


def test_an_answer_carries_body_type_and_validators(site: FaultySite) -> None:
    fetched = client_for(site.url).get(site.url + "/movie/7", accept="text/html")
    assert fetched.status == 200
    assert fetched.content_type == "text/html"
    assert fetched.headers["content-type"] == "text/html; charset=utf-8"
    assert b"The Lighthouse Choir" in fetched.body
    assert fetched.etag
    assert fetched.last_modified


def test_validators_of_an_earlier_answer_give_304_without_body(site: FaultySite) -> None:
    client = client_for(site.url)
    first = client.get(site.url + IMAGE_PATH)
    assert first.body == POSTER
    by_tag = client.get(site.url + IMAGE_PATH, etag=first.etag)
    by_date = client.get(site.url + IMAGE_PATH, last_modified=first.last_modified)
    assert (by_tag.status, by_tag.body) == (by_date.status, by_date.body) == (304, b"")


def test_an_old_validator_gives_the_new_body(site: FaultySite) -> None:
    assert client_for(site.url).get(site.url + IMAGE_PATH, etag='"older"').body == POSTER


def test_a_senselessly_long_validator_is_not_kept(site: FaultySite) -> None:
    site.spoil("/movie/7", body(b"x", etag=f'"{"e" * 300}"', last_modified="d" * 100))
    fetched = client_for(site.url).get(site.url + "/movie/7")
    assert (fetched.etag, fetched.last_modified, fetched.body) == (None, None, b"x")


def test_validators_that_would_split_a_header_are_left_out(site: FaultySite) -> None:
    fetched = client_for(site.url).get(site.url + IMAGE_PATH, etag='"a"\r\nX-Evil: 1', last_modified="ü")
    assert fetched.body == POSTER


def test_the_type_is_told_as_the_server_gives_it(site: FaultySite) -> None:
    site.spoil("/t/p/", html_instead())
    assert client_for(site.url).get(site.url + IMAGE_PATH).content_type == "text/html"


def test_requests_name_us_and_bring_no_cookies_back() -> None:
    heard: list[bytes] = []
    with RawServer(lambda connection: answer_twice(connection, heard)) as server:
        client = client_for(server.url, robots=False)
        client.get(server.url + "/a", accept="image/*")
        client.get(server.url + "/b", accept="image/*")
        assert server.connections == 1  # kept alive, so the second request went to the first connection
    second = heard[0].decode()
    assert second.startswith("GET /b HTTP/1.1\r\n")
    assert "User-Agent: Postersite/0.1 (+https://example.org/contact)\r\n" in second
    assert "Accept: image/*\r\n" in second
    assert f"Host: 127.0.0.1:{server.port}\r\n" in second
    assert "cookie" not in second.lower()


def test_a_password_in_netrc_is_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    heard: list[bytes] = []
    with RawServer(lambda connection: answer_twice(connection, heard)) as server:
        client = client_for(server.url, robots=False)
        client.get(server.url + "/a")
        client.get(server.url + "/b")
    assert b"authorization" not in heard[0].lower()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x01\x02",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    ],
)
def test_what_is_no_http_is_trouble_and_nothing_worse(answer: bytes, fake_time: FakeTime) -> None:
    with RawServer(lambda connection: connection.sendall(answer)) as server:
        client = client_for(server.url, fake_time, robots=False, max_attempts=2)
        with pytest.raises(FetchError) as caught:
            client.get(server.url + "/x")
    assert caught.value.retryable
    assert server.url in str(caught.value)


def test_no_tls_where_tls_is_asked_for_is_trouble(site: FaultySite, fake_time: FakeTime) -> None:
    url = site.url.replace("http:", "https:")
    client = client_for(site.url, fake_time, schemes=("https",), robots=False)
    with pytest.raises(ServerTrouble, match="secure"):
        client.get(url + "/movie/7")


def test_a_redirect_without_location_is_no_page(site: FaultySite, fake_time: FakeTime) -> None:
    site.spoil("/movie/7", status(302))
    with pytest.raises(Denied, match="status 302"):
        client_for(site.url, fake_time).get(site.url + "/movie/7")
