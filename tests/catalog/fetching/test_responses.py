"""Responses and requests: validators, headers, cookies and passwords, and responses that are not HTTP."""

import gzip
import logging
import socket
from pathlib import Path

import pytest

from catalog.fetching.errors import Denied, FetchError, ServerError, TooLarge, Truncated
from catalog.fetching.policy import Credential
from tests.catalog.fetching.clients import IMAGE_PATH, POSTER, client_for
from tests.catalog.fetching.virtual_time import VirtualTime
from tests.replica.faults import FaultySite, body
from tests.replica.raw_server import RawServer


def respond_twice(connection: socket.socket, requests: list[bytes]) -> None:
    """Set a cookie, and record the second request on the connection."""
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: id=1; Path=/\r\n\r\nok"
    connection.sendall(response)
    requests.append(connection.recv(65536))
    connection.sendall(response)


def test_a_response_carries_body_type_and_validators(site: FaultySite) -> None:
    fetched = client_for(site.url).get(site.url + "/movie/7", accept="text/html")
    assert (fetched.status, fetched.content_type) == (200, "text/html")
    assert fetched.headers["content-type"] == "text/html; charset=utf-8"
    assert b"The Lighthouse Choir" in fetched.body
    assert fetched.etag and fetched.last_modified


def test_validators_of_an_earlier_response_give_304_without_body(site: FaultySite) -> None:
    client = client_for(site.url)
    first = client.get(site.url + IMAGE_PATH)
    assert first.body == POSTER
    by_tag = client.get(site.url + IMAGE_PATH, etag=first.etag)
    by_date = client.get(site.url + IMAGE_PATH, last_modified=first.last_modified)
    assert (by_tag.status, by_tag.body) == (by_date.status, by_date.body) == (304, b"")
    assert client.get(site.url + IMAGE_PATH, etag='"older"').body == POSTER


def test_a_very_long_validator_is_ignored(site: FaultySite) -> None:
    site.spoil("/movie/7", body(b"x", etag=f'"{"e" * 300}"', last_modified="d" * 100))
    fetched = client_for(site.url).get(site.url + "/movie/7")
    assert (fetched.etag, fetched.last_modified, fetched.body) == ("", "", b"x")


def test_validators_that_would_split_a_header_are_not_sent(site: FaultySite) -> None:
    fetched = client_for(site.url).get(site.url + IMAGE_PATH, etag='"a"\r\nX-Evil: 1', last_modified="ü")
    assert fetched.body == POSTER


def test_requests_carry_our_user_agent_and_neither_cookies_nor_passwords_in_netrc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    requests: list[bytes] = []
    with RawServer(lambda connection: respond_twice(connection, requests)) as server:
        client = client_for(server.url, robots=False)
        client.get(server.url + "/a", accept="image/*")
        client.get(server.url + "/b", accept="image/*")
        assert server.connections == 1  # kept alive, so the second request went to the first connection
    second = requests[0].decode()
    assert second.startswith("GET /b HTTP/1.1\r\n")
    assert "User-Agent: Postersite/0.1 (+https://example.org/contact)\r\n" in second
    assert "Accept: image/*\r\n" in second
    assert f"Host: 127.0.0.1:{server.port}\r\n" in second
    assert "cookie" not in second.lower() and "authorization" not in second.lower()


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIPPED = OK + b"Content-Encoding: gzip\r\n"
PACKED = gzip.compress(b"film" * 100, mtime=0)
MEGABYTE = b"x" * 1_000_000
MALFORMED: dict[type[FetchError], list[bytes]] = {
    ServerError: [
        b"",
        b"\x00\x01\x02",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 " + MEGABYTE,
        OK + b"X: " + MEGABYTE + b"\r\n\r\n",
        OK + b"X: y\r\n" * 10_000 + b"\r\n",
        OK + b"Content-Length: 4\r\nContent-Length: 9\r\n\r\nfilm",
        OK + b"Content-Encoding: gzip, gzip\r\n\r\n" + gzip.compress(PACKED, mtime=0),
        GZIPPED + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(PACKED, mtime=0),
        OK + b"Content-Encoding: br\r\n\r\nxxxx",
    ],
    Truncated: [
        OK + b"Content-Length: 9\r\n\r\nfilm",
        CHUNKED + b"4\r\nfilm\r\n",
        CHUNKED + b"zz\r\nfilm",
        CHUNKED + b"-4\r\nfilm\r\n0\r\n\r\n",
        CHUNKED + b"F" * 16 + b"\r\nfilm",
        CHUNKED + b"4;" + MEGABYTE + b"\r\nfilm",
        GZIPPED + b"\r\nfilm",
        GZIPPED + b"\r\n" + PACKED[:-9],
        GZIPPED + b"\r\n" + PACKED[:-8] + bytes(8),
    ],
    TooLarge: [OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nfilm"],
    Denied: [
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\n\r\nfilm",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
    ],
}


@pytest.mark.parametrize(
    ("error", "response"),
    [(error, response) for error, responses in MALFORMED.items() for response in responses],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value[:60]),
)
def test_a_malformed_response_is_a_fetch_error(
    error: type[FetchError], response: bytes, virtual_time: VirtualTime
) -> None:
    with RawServer(lambda connection: connection.sendall(response)) as server:
        client = client_for(server.url, virtual_time, robots=False, max_attempts=2)
        with pytest.raises(error) as caught:
            client.get(server.url + "/x")
    assert server.connections == (2 if caught.value.retryable else 1)
    assert server.url in str(caught.value)


@pytest.mark.parametrize(
    "response",
    [
        OK + b"no colon here\r\n\r\nfilm",
        OK + b"X: \x00\x1b[2J\r\n\r\nfilm",
        OK + b"Content-Length: -4\r\n\r\nfilm",
        OK + b"Content-Length: 4\r\n\r\nfilm and more",
        OK + b"Content-Length: 400\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfilm\r\n0\r\n\r\n",
        GZIPPED + b"\r\n" + gzip.compress(b"", mtime=0) * 100_000 + gzip.compress(b"film"),
    ],
    ids=["no colon", "control characters", "negative length", "short length", "two lengths", "members"],
)
def test_a_slightly_wrong_response_is_read(response: bytes) -> None:
    with RawServer(lambda connection: connection.sendall(response)) as server:
        assert client_for(server.url, robots=False).get(server.url + "/x").body == b"film"


def test_a_server_without_tls_is_server_trouble(site: FaultySite, virtual_time: VirtualTime) -> None:
    url = site.url.replace("http:", "https:")
    client = client_for(site.url, virtual_time, schemes=("https",), robots=False)
    with pytest.raises(ServerError):
        client.get(url + "/movie/7")


def test_each_request_gets_its_own_response_after_early_hints() -> None:
    def hinting(connection: socket.socket) -> None:
        for text in (b"one", b"two"):
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + text)
            connection.recv(65536)

    with RawServer(hinting) as server, client_for(server.url, robots=False) as client:
        assert [client.get(server.url + path).body for path in ("/1", "/2")] == [b"one", b"two"]
        assert server.connections == 1


def test_a_key_in_the_address_is_not_logged_with_odd_headers(caplog: pytest.LogCaptureFixture) -> None:
    response = b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 4\r\n\r\nfilm"
    credential = Credential(query={"api_key": "hunter2"})
    with RawServer(lambda connection: connection.sendall(response)) as server, caplog.at_level(logging.DEBUG):
        client_for(server.url, robots=False).get(server.url + "/3/movie/7", credential=credential)
    logged = " ".join(record.getMessage() for record in caplog.records)
    assert "Failed to parse headers" in logged
    assert "hunter2" not in logged
