"""Bodies that are too large, truncated, or never end."""

import contextlib
import gzip
import socket
import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from catalog.fetching.errors import DeadlineExceeded, ServerError, TooLarge
from tests.catalog.fetching.clients import IMAGE_PATH, POSTER, client_for
from tests.catalog.fetching.virtual_time import VirtualTime
from tests.replica.faults import Fault, FaultySite, giant, gzip_bomb, truncated
from tests.replica.raw_server import RawServer

MANY = 300_000


@pytest.mark.parametrize(
    "fault",
    [giant(MANY), giant(MANY, declared=False), gzip_bomb(MANY)],
    ids=["length", "chunked", "gzip"],
)
def test_a_body_over_the_cap_is_refused_once_and_one_of_exactly_the_cap_is_whole(
    site: FaultySite, virtual_time: VirtualTime, fault: Fault
) -> None:
    site.spoil("/t/p/", fault)
    with pytest.raises(TooLarge) as caught:
        client_for(site.url, virtual_time, max_bytes=MANY - 1).get(site.url + IMAGE_PATH)
    assert not caught.value.retryable
    assert len(site.paths("/t/p/")) == 1
    assert client_for(site.url, max_bytes=MANY).get(site.url + IMAGE_PATH).body == bytes(MANY)


def test_a_truncated_body_is_fetched_again(site: FaultySite, virtual_time: VirtualTime) -> None:
    site.spoil("/t/p/", truncated(), times=2)
    assert client_for(site.url, virtual_time).get(site.url + IMAGE_PATH).body == POSTER
    assert len(site.paths("/t/p/")) == 3


def test_a_compressed_bomb_takes_little_memory() -> None:
    bomb = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(50_000_000))
    with RawServer(lambda connection: connection.sendall(bomb)) as server:
        client = client_for(server.url, robots=False, max_bytes=1_000_000)
        tracemalloc.start()
        with pytest.raises(TooLarge):
            client.get(server.url + "/x.jpg")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFF\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    ],
    ids=["header", "headers", "continue", "early hints", "length", "no length", "chunked", "trailers"],
)
def test_a_server_that_drips_bytes_meets_the_deadline(start: bytes, drop: bytes) -> None:
    with dripping_server(start, drop) as server, pytest.raises(DeadlineExceeded) as caught:
        client_for(server.url, deadline_s=0.2, robots=False, max_attempts=1).get(server.url + "/x.jpg")
    assert caught.value.retryable


def test_a_tls_handshake_that_drips_bytes_ends() -> None:
    with dripping_server(b"\x16\x03\x03\x40\x00", b"\x02") as server:
        url = server.url.replace("http:", "https:")
        client = client_for(url, schemes=("https",), robots=False, connect_timeout_s=0.2, max_attempts=1)
        with pytest.raises(ServerError):
            client.get(url + "/x.jpg")


@contextlib.contextmanager
def dripping_server(start: bytes, drop: bytes) -> Iterator[RawServer]:
    """A server that sends `start`, then `drop` again and again."""
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while not stop.wait(0.01):
            connection.sendall(drop)

    with RawServer(drip) as server:
        try:
            yield server
        finally:
            stop.set()
