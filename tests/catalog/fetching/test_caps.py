"""Bodies that are too large, cut short, or never end."""

import socket
import threading

import pytest

from catalog.fetching.errors import Deadline, ServerTrouble, TooLarge, Truncated
from tests.catalog.fetching.replicas import IMAGE_PATH, POSTER, FakeTime, client_for
from tests.replica.faults import Fault, FaultySite, body, giant, gzip_bomb, slow, truncated
from tests.replica.raw_server import RawServer

MANY = 300_000


@pytest.mark.parametrize("fault", [giant(MANY), giant(MANY, declared=False), gzip_bomb(MANY)])
def test_a_body_over_the_cap_is_refused_once(site: FaultySite, fake_time: FakeTime, fault: Fault) -> None:
    site.spoil("/t/p/", fault)
    with pytest.raises(TooLarge, match="100,000") as caught:
        client_for(site.url, fake_time, max_bytes=100_000).get(site.url + IMAGE_PATH)
    assert not caught.value.retryable
    assert len(site.paths("/t/p/")) == 1


@pytest.mark.parametrize("fault", [giant(MANY), giant(MANY, declared=False), gzip_bomb(MANY)])
def test_a_body_of_exactly_the_cap_is_whole(site: FaultySite, fault: Fault) -> None:
    site.spoil("/t/p/", fault)
    assert client_for(site.url, max_bytes=MANY).get(site.url + IMAGE_PATH).body == bytes(MANY)


def test_a_body_cut_short_is_tried_again_and_then_whole(site: FaultySite, fake_time: FakeTime) -> None:
    site.spoil("/t/p/", truncated(), times=2)
    assert client_for(site.url, fake_time).get(site.url + IMAGE_PATH).body == POSTER
    assert len(site.paths("/t/p/")) == 3


def test_a_body_that_is_always_cut_short_is_not_taken_for_whole(
    site: FaultySite, fake_time: FakeTime
) -> None:
    site.spoil("/t/p/", truncated())
    with pytest.raises(Truncated) as caught:
        client_for(site.url, fake_time).get(site.url + IMAGE_PATH)
    assert caught.value.retryable


def test_chunks_that_break_off_are_not_taken_for_whole(site: FaultySite, fake_time: FakeTime) -> None:
    site.spoil("/t/p/", body(b"64\r\nonly a few", transfer_encoding="chunked"))
    with RawServer(
        lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nfew")
    ) as raw:
        client = client_for(raw.url, fake_time, robots=False, max_attempts=1)
        with pytest.raises(Truncated):
            client.get(raw.url + "/x.jpg")


def test_damaged_compression_is_not_taken_for_a_body(site: FaultySite, fake_time: FakeTime) -> None:
    site.spoil("/t/p/", body(b"\x1f\x8b no gzip at all", content_encoding="gzip"))
    with pytest.raises(Truncated):
        client_for(site.url, fake_time).get(site.url + IMAGE_PATH)


def test_a_compression_nobody_asked_for_is_refused(site: FaultySite, fake_time: FakeTime) -> None:
    site.spoil("/t/p/", body(b"????", content_encoding="br"))
    with pytest.raises(ServerTrouble, match="'br'"):
        client_for(site.url, fake_time).get(site.url + IMAGE_PATH)


def test_a_slow_answer_meets_the_deadline(site: FaultySite) -> None:
    site.spoil("/t/p/", slow(30))
    with pytest.raises(Deadline, match=r"within 0\.3 s") as caught:
        client_for(site.url, deadline_s=0.3).get(site.url + IMAGE_PATH)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFF\r\n",
    ],
    ids=["headers", "length", "no length", "chunked"],
)
def test_a_server_that_drips_bytes_meets_the_deadline(start: bytes) -> None:
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while not stop.wait(0.02):
            connection.sendall(b"x")

    with RawServer(drip) as server:
        with pytest.raises(Deadline):
            client_for(server.url, deadline_s=0.4, robots=False).get(server.url + "/x.jpg")
        stop.set()
