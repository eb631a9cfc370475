"""The request that the application gets, and the response that the client gets."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from postersite.web.wsgi import call

from .serving import Served, request, serving


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response(
        "200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", " b=2; é"), ("Content-Type", "text/plain")]
    )
    shown = {key: value for key, value in environ.items() if isinstance(value, str)}
    return [repr(shown).encode(), b"|", environ["wsgi.input"].read()]


@pytest.fixture
def site() -> Iterator[Served]:
    with serving(echo) as served:
        yield served


def test_the_application_gets_the_request(site: Served) -> None:
    headers = ("Content-Length: 4", "Connection: close")
    response = site.exchange(request("POST", "/a%20b/%C3%A9?q=1&r=%20", *headers, body=b"body"))
    for part in ("'/a b/Ã©'", "'q=1&r=%20'", "'REMOTE_ADDR': '127.0.0.1'", "'CONTENT_LENGTH': '4'"):
        assert part.encode() in response
    assert response.endswith(b"|body")
    assert "\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; é\r\n".encode("latin-1") in response
    assert b"\r\nDate: " in response


def test_a_header_with_an_underscore_is_dropped(site: Served) -> None:
    response = site.get("/", "X-Forwarded-For: 192.0.2.1", "X_Forwarded_For: 6.6.6.6", "X_Other: 6.6.6.6")
    assert b"192.0.2.1" in response and b"6.6.6.6" not in response


@pytest.mark.parametrize(
    "sent",
    [
        request("POST", "/", "Content-Length: 4", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        request("POST", "/", "Content-Length: 4", "Content-Length: 5", body=b"bodyy"),
        request("POST", "/", "Content-Length: +4", body=b"body"),
        request("POST", "/", "Content-Length: -4", body=b"body"),
        request("POST", "/", "Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
        request("POST", "/", "Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
        request("POST", "/", "Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
        request("POST", "/", "Transfer-Encoding: chunked", body=b"0x4\r\nbody\r\n0\r\n\r\n"),
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\x16\x03\x01 / HTTP/1.1\r\n\r\n",
    ],
)
def test_requests_that_two_servers_could_read_differently_are_refused(site: Served, sent: bytes) -> None:
    assert site.exchange(sent).startswith(b"HTTP/1.1 400 ")
    assert site.calls == []


def test_headers_without_end_are_refused(site: Served) -> None:
    assert b"200 OK" not in site.exchange(request("GET", "/", f"X-Long: {'x' * 40_000}"))
    assert site.calls == []


def test_a_body_in_chunks_arrives_with_its_length(site: Served) -> None:
    body = b"4\r\nbody\r\n3\r\nand\r\n0\r\n\r\n"
    response = site.exchange(
        request("POST", "/", "Transfer-Encoding: chunked", "Connection: close", body=body)
    )
    assert b"'CONTENT_LENGTH': '7'" in response and b"TRANSFER" not in response
    assert response.endswith(b"|bodyand")


@pytest.mark.parametrize("host", ["testserver:", "testserver:99999", "[::1]", "[::1]:80"])
def test_any_host_is_left_to_django(site: Served, host: str) -> None:
    response = site.exchange(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert response.startswith(b"HTTP/1.1 200 OK") and f"'HTTP_HOST': '{host}'".encode() in response


def test_head_and_http_1_0(site: Served) -> None:
    head = site.exchange(request("HEAD", "/", "Connection: close"))
    assert head.startswith(b"HTTP/1.1 200 OK") and head.endswith(b"\r\n\r\n")
    old = site.exchange(b"GET / HTTP/1.0\r\nHost: testserver\r\n\r\n")
    assert old.startswith(b"HTTP/1.1 200 OK") and b"chunked" not in old


def test_a_file_is_sent_whole_and_closed() -> None:
    file = io.BytesIO(b"0123456789" * 100_000)

    def download(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "image/png")])
        return file

    with serving(download) as site:
        response = site.exchange(b"GET / HTTP/1.0\r\nHost: testserver\r\n\r\n")
    assert response.partition(b"\r\n\r\n")[2] == b"0123456789" * 100_000
    assert file.closed


def test_a_long_stream_is_stored_on_disk_until_it_is_sent() -> None:
    def stream(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/csv")])
        yield from [b"0123456789" * 10_000] * 20

    with call(stream, {"REQUEST_METHOD": "GET"}).body as spool:
        assert spool._rolled  # type: ignore[attr-defined]
    with serving(stream) as site:
        response = site.exchange(b"GET / HTTP/1.0\r\nHost: testserver\r\n\r\n")
    headers, _, body = response.partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: 2000000" in headers and body == b"0123456789" * 200_000


def test_a_crash_is_answered_and_the_next_request_too(caplog: pytest.LogCaptureFixture) -> None:
    def crash(environ: dict[str, Any], start_response: Any) -> Any:
        raise RuntimeError("broken on purpose")

    with serving(crash) as site:
        for _ in range(2):
            response = site.get()
            assert response.startswith(b"HTTP/1.1 500 ") and b"purpose" not in response
    assert "broken on purpose" in caplog.text


def test_requests_may_follow_each_other_on_a_connection(site: Served) -> None:
    response = site.exchange(request("GET", "/1") + request("GET", "/2", "Connection: close"))
    assert response.count(b"HTTP/1.1 200 OK") == 2
    assert site.calls == ["/1", "/2"]
