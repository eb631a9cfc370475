"""Connections that end when a whole fetch's time is over.

A socket's timeout starts anew with every byte, so a server that sends one header byte now and then could
hold a worker for hours. Here a timer shuts the socket down, which wakes the thread that reads from it.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_this_thread = threading.local()


class CutOff:
    """Whether the time is over, and the sockets to shut down then."""

    def __init__(self) -> None:
        self.over = False
        self._ended = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

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
    cut_off = CutOff()
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


class _CutOffHTTP(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _hold(self.sock)

    def getresponse(self) -> Any:
        _hold(self.sock)  # a connection from the pool did not connect in this fetch
        return super().getresponse()


class _CutOffHTTPS(HTTPSConnection):
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
