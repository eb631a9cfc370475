"""Connections that are closed when the deadline of a whole request is reached.

A socket's timeout restarts with every byte, so a server that sends one header byte at a time could
hold a worker for hours. Here a timer shuts the socket down, which wakes the thread that reads from it.
The system's resolver shows no socket, so names are resolved on a thread that can be left behind.
"""

import contextlib
import http.client
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

T = TypeVar("T")

_this_thread = threading.local()


class DeadlineReached(TimeoutError):
    """The deadline was reached while a name was resolved."""


class Deadline:
    """Whether the deadline was reached, and the sockets to shut down then."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self.reached = False
        self._request_ended = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    @property
    def remaining_s(self) -> float:
        return self._ends_at - time.monotonic()

    def add(self, connection: socket.socket) -> None:
        with self._lock:
            self._sockets.append(connection)
            if self.reached:
                _shut_down(connection)

    def reach(self) -> None:
        with self._lock:
            if self._request_ended:
                return  # the sockets may serve another request by now
            self.reached = True
            for connection in self._sockets:
                _shut_down(connection)

    def end_request(self) -> None:
        with self._lock:
            self._request_ended = True


@contextlib.contextmanager
def deadline_after(seconds: float) -> Iterator[Deadline]:
    """Shut down, after `seconds`, every connection that this thread uses inside the block."""
    deadline = Deadline(seconds)
    timer = threading.Timer(seconds, deadline.reach)
    timer.daemon = True
    timer.start()
    _this_thread.deadline = deadline
    try:
        yield deadline
    finally:
        _this_thread.deadline = None
        timer.cancel()
        deadline.end_request()


def call_before_deadline(call: Callable[[], T]) -> T:
    """What `call` returns or raises; DeadlineReached when this thread's `deadline_after` comes first.

    `call` runs on a thread of its own, which continues without anybody waiting for it.
    """
    deadline: Deadline | None = getattr(_this_thread, "deadline", None)
    if deadline is None:
        return call()
    outcome: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put((call(), None))
        except Exception as error:  # noqa: BLE001 - raised below, by the calling thread
            outcome.put((None, error))

    threading.Thread(target=run, name="resolver", daemon=True).start()
    try:
        result, error = outcome.get(timeout=max(deadline.remaining_s, 0.0))
    except Empty:
        raise DeadlineReached("the name was not resolved in time") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


class _FinalResponse(http.client.HTTPResponse):
    """Waits for the final response: http.client takes a 103 (Early Hints) for one, and what follows it for
    the response to the next request."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status not in (102, 103):
                return version, status, reason
            http.client.parse_headers(self.fp)


class _DeadlineHTTP(HTTPConnection):
    response_class = _FinalResponse

    def connect(self) -> None:
        super().connect()
        _add(self.sock)

    def getresponse(self) -> Any:
        _add(self.sock)  # a connection from the pool did not connect in this request
        return super().getresponse()


class _DeadlineHTTPS(HTTPSConnection):
    response_class = _FinalResponse

    def connect(self) -> None:
        super().connect()
        _add(self.sock)

    def getresponse(self) -> Any:
        _add(self.sock)
        return super().getresponse()


class DeadlineHTTPPool(HTTPConnectionPool):
    ConnectionCls = _DeadlineHTTP


class DeadlineHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _DeadlineHTTPS


def _add(connection: socket.socket | None) -> None:
    deadline: Deadline | None = getattr(_this_thread, "deadline", None)
    if deadline is not None and connection is not None:
        deadline.add(connection)


def _shut_down(connection: socket.socket) -> None:
    # Not SSLSocket.shutdown: that takes the TLS state from under the reading thread.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _without_query(record: logging.LogRecord) -> bool:
    """urllib3 logs the whole address of a response with odd headers, and a key may be in its query."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            value.partition("?")[0] if isinstance(value, str) and "?" in value else value
            for value in record.args
        )
    return True


for _logger in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_logger).addFilter(_without_query)
