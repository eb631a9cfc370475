"""Clients that send or read slowly hold no thread, and are cut off in time."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

import pytest

from .serving import everything, request, serving, until

LONG = 16_000_000
HALF_HEADERS = b"GET / HTTP/1.1\r\nHost: testserver\r\nX-Slow: "
HALF_BODY = request("POST", "/", "Content-Length: 100", body=b"half")
HALF_CHUNK = request("POST", "/", "Transfer-Encoding: chunked", body=b"10\r\nhalf")
HALVES = pytest.mark.parametrize("half", [b"", HALF_HEADERS, HALF_BODY, HALF_CHUNK])


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@HALVES
def test_half_sent_requests_hold_no_thread(half: bytes) -> None:
    with serving(hello, threads=1) as site, ExitStack() as slow:
        for _ in range(50):
            slow.enter_context(site.connect(half))
        assert site.get().endswith(b"hello")
        assert len(site.calls) == 1


@HALVES
def test_a_request_that_does_not_arrive_in_time_is_cut_off(half: bytes) -> None:
    with serving(hello, header_s=0.2, body_s=0.2) as site, site.connect(half) as client:
        assert everything(client) == b""
        assert site.calls == []


@pytest.mark.parametrize("half", [HALF_HEADERS, HALF_BODY])
def test_a_byte_now_and_then_buys_no_time(half: bytes) -> None:
    with serving(hello, header_s=0.3, body_s=0.3) as site, site.connect(half) as client:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(100):
                client.sendall(b"x")
                time.sleep(0.05)
        assert site.calls == []


def test_the_longest_waiting_make_room_when_there_are_too_many() -> None:
    with serving(hello, connections=5) as site, ExitStack() as slow:
        clients = [slow.enter_context(site.connect(HALF_HEADERS)) for _ in range(12)]
        assert site.get().endswith(b"hello")
        assert everything(clients[0]) == b""
        clients[-1].sendall(b"done\r\nConnection: close\r\n\r\n")
        assert everything(clients[-1]).endswith(b"hello")


def test_a_connection_between_two_requests_holds_no_thread() -> None:
    with serving(hello, threads=1) as site, site.connect(request("GET", "/")) as kept:
        assert kept.recv(1000).endswith(b"hello")
        assert site.get().endswith(b"hello")
        kept.sendall(request("GET", "/again", "Connection: close"))
        assert everything(kept).endswith(b"hello")


@pytest.mark.slow
def test_a_client_that_reads_nothing_holds_no_thread() -> None:
    def download(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", str(LONG))])
        return [b"x" * LONG]

    with serving(download, threads=1, write_s=0.3) as site, site.connect() as client:
        client.sendall(request("GET", "/"))
        assert len(site.get()) > LONG  # by now the thread is free
        until(lambda: not site.server.open and not site.server.tasks)
