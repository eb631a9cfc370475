"""The queue before the threads is bounded in length and time; health checks and readers pass it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from .serving import Served, everything, request, serving, until


class Slow:
    """An application that responds to "/slow" when ``go_on`` is set, and to everything else at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/slow":
            self.entered.release()
            assert self.go_on.wait(10)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]


SLOW = request("GET", "/slow", "Connection: close")


@contextmanager
def occupied(
    sent: bytes = SLOW, threads: int = 1, **limits: Any
) -> Iterator[tuple[Served, Slow, socket.socket]]:
    """A site that works on a request, its application, and the client that has sent it."""
    slow = Slow()
    with serving(slow, threads=threads, **limits) as site, site.connect(sent) as client:
        assert slow.entered.acquire(timeout=10)
        try:
            yield site, slow, client
        finally:
            slow.go_on.set()


def is_busy(response: bytes) -> bool:
    headers = response.partition(b"\r\n\r\n")[0]
    return headers.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in headers


def test_a_full_queue_is_answered_with_503() -> None:
    with occupied(queue_length=2, queue_s=10) as (site, slow, client), ExitStack() as stack:
        clients = [client, *(stack.enter_context(site.connect(SLOW)) for _ in range(2))]
        until(lambda: site.server.reads.waiting == 2)
        assert is_busy(site.get())
        response = site.get("/api/movies")
        assert is_busy(response) and b"application/json" in response
        for path in ("/healthz", "/readyz"):
            assert site.get(path).endswith(b"ok")
        slow.go_on.set()
        assert all(everything(client).endswith(b"ok") for client in clients)


def test_liveness_does_not_wait_for_readiness() -> None:
    go_on = threading.Event()

    def database_is_away(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        assert environ["PATH_INFO"] == "/healthz" or go_on.wait(10)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    with serving(database_is_away) as site, site.connect(request("GET", "/readyz")):
        until(lambda: site.calls == ["/readyz"])
        assert site.get("/healthz").endswith(b"ok")
        go_on.set()


def test_waiting_in_the_queue_ends() -> None:
    with occupied(queue_s=0.1) as (site, _, _):
        assert is_busy(site.get())
        assert site.calls == ["/slow"]


def test_readers_do_not_wait_for_writers() -> None:
    post = request("POST", "/slow", "Content-Length: 0")
    with occupied(post, threads=4) as (site, _, _), ExitStack() as stack:
        for _ in range(7):
            stack.enter_context(site.connect(post))
        assert site.get().endswith(b"ok")


def test_a_client_that_left_the_queue_is_not_answered() -> None:
    with occupied() as (site, slow, first):
        with site.connect(request("GET", "/left")):
            until(lambda: site.server.reads.waiting == 1)
        until(lambda: len(site.server.open) == 1)
        with site.connect(request("GET", "/last", "Connection: close")) as last:
            slow.go_on.set()
            assert everything(first).endswith(b"ok") and everything(last).endswith(b"ok")
        assert site.calls == ["/slow", "/last"]


def test_what_a_client_that_left_had_sent_ahead_is_dropped() -> None:
    sent = request("GET", "/slow") + 50 * request("GET", "/ahead")
    with occupied(sent) as (site, slow, client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
        client.close()
        with patch.object(site.server, "start_task", wraps=site.server.start_task) as start_task:
            slow.go_on.set()
            until(lambda: not site.server.open)
            assert not start_task.called


def test_requests_in_hand_are_answered_before_the_end() -> None:
    sent = request("GET", "/slow") + request("GET", "/next")
    with occupied(sent) as (site, slow, client), site.connect(b"GET /half") as half:
        site.stop()
        until(lambda: site.server.stopping)
        slow.go_on.set()
        assert everything(client).endswith(b"ok")
        assert everything(half) == b""
        assert site.calls == ["/slow"]
