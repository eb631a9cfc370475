"""Connections that end when a whole fetch's time is over.

A socket's timeout starts anew with every byte, so a server that sends one header byte now and then could
hold a worker for hours. Here a timer shuts the socket down, which wakes the thread that reads from it.
The system's resolver shows no socket, so a name is looked up on a thread that can be left behind.
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


class TimeIsOver(TimeoutError):
    """The time of the whole fetch was over while a name was looked up."""


class CutOff:
    """Whether the time is over, and the sockets to shut down then."""

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        self.over = False
        self._ended = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    @property
    def left_s(self) -> float:
        return self.ends_at - time.monotonic()

    def hold(self, connection: socket.socket) -> None:
        with self._lock:
            self._sockets.append(connection)
            if self.over:
                _shut(connection)

    def cut(self) -> None:
        with self._lock:
            if self._ended:
                return  # the sockets may serve another fetch by now
            self.over = True
            for connection in self._sockets:
                _shut(connection)

    def end(self) -> None:
        with self._lock:
            self._ended = True


@contextlib.contextmanager
def cut_off_after(seconds: float) -> Iterator[CutOff]:
    """Shut down, after `seconds`, every connection that this thread uses inside the block."""
    cut_off = CutOff(seconds)
    timer = threading.Timer(seconds, cut_off.cut)
    timer.daemon = True
    timer.start()
    _this_thread.cut_off = cut_off
    try:
        yield cut_off
    finally:
        _this_thread.cut_off = None
        timer.cancel()
        cut_off.end()


def in_time(call: Callable[[], T]) -> T:
    """What `call` returns or raises; TimeIsOver when this thread's `cut_off_after` comes first.

    `call` runs on a thread of its own, which goes on without anybody waiting for it.
    """
    cut_off: CutOff | None = getattr(_this_thread, "cut_off", None)
    if cut_off is None:
        return call()
    outcome: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put((call(), None))
        except Exception as error:  # noqa: BLE001 - raised below, by the thread that asked
            outcome.put((None, error))

    threading.Thread(target=run, name="looking-up", daemon=True).start()
    try:
        result, error = outcome.get(timeout=max(cut_off.left_s, 0.0))
    except Empty:
        raise TimeIsOver("the name was not looked up in time") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


class _FinalAnswer(http.client.HTTPResponse):
    """Waits for the final answer: http.client takes a 103 (Early Hints) for one, and what follows it for the
    answer to the next request."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status not in (102, 103):
                return version, status, reason
            http.client.parse_headers(self.fp)


class _CutOffHTTP(HTTPConnection):
    response_class = _FinalAnswer

    def connect(self) -> None:
        super().connect()
        _hold(self.sock)

    def getresponse(self) -> Any:
        _hold(self.sock)  # a connection from the pool did not connect in this fetch
        return super().getresponse()


class _CutOffHTTPS(HTTPSConnection):
    response_class = _FinalAnswer

    def connect(self) -> None:
        super().connect()
        _hold(self.sock)

    def getresponse(self) -> Any:
        _hold(self.sock)
        return super().getresponse()


class CutOffHTTPPool(HTTPConnectionPool):
    ConnectionCls = _CutOffHTTP


class CutOffHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _CutOffHTTPS


def _hold(connection: socket.socket | None) -> None:
    cut_off: CutOff | None = getattr(_this_thread, "cut_off", None)
    if cut_off is not None and connection is not None:
        cut_off.hold(connection)


def _shut(connection: socket.socket) -> None:
    # Not SSLSocket.shutdown: that takes the TLS state from under the reading thread.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _without_query(record: logging.LogRecord) -> bool:
    """urllib3 logs the whole address of an answer with odd headers, and a key may be in its query."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            said.partition("?")[0] if isinstance(said, str) and "?" in said else said for said in record.args
        )
    return True


for _logger in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_logger).addFilter(_without_query)
