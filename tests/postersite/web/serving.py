"""A web server in a thread of the test, with an application and limits of the test's choosing."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tornado.netutil import bind_sockets

from postersite.web.limits import Limits
from postersite.web.server import Server

PATIENCE_S = 10.0


class Served:
    """A running server; ``calls`` are the paths its application was called with."""

    def __init__(self, application: Callable[..., Any], threads: int, limits: Limits) -> None:
        self.calls: list[str] = []
        self.loop = asyncio.new_event_loop()
        self.server: Server
        self.port = 0
        self._started = threading.Event()
        self._stopping = asyncio.Event()

        def counted(environ: dict[str, Any], start_response: Any) -> Any:
            self.calls.append(environ["PATH_INFO"])
            return application(environ, start_response)

        async def serve() -> None:
            self.server = Server(counted, threads=threads, limits=limits)
            sockets = bind_sockets(0, "127.0.0.1")
            self.port = sockets[0].getsockname()[1]
            self.server.add_sockets(sockets)
            self._started.set()
            await self._stopping.wait()
            await self.server.shut_down()

        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(serve(),), daemon=True)
        self.thread.start()
        assert self._started.wait(PATIENCE_S)

    def stop(self) -> None:
        """Asks the server to end, as SIGTERM does."""
        self.loop.call_soon_threadsafe(self._stopping.set)

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A connection on which ``sent`` was sent."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        client.sendall(sent)
        return client

    def exchange(self, sent: bytes) -> bytes:
        """What comes back until the server closes the connection."""
        with self.connect(sent) as client:
            return everything(client)

    def get(self, path: str = "/", *headers: str) -> bytes:
        return self.exchange(request("GET", path, "Connection: close", *headers))


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: testserver", *headers, "", ""]).encode() + body


def until(condition: Callable[[], bool]) -> None:
    """Waits for what another thread does."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def everything(client: socket.socket) -> bytes:
    """What arrives until the connection is closed, whichever way."""
    found = bytearray()
    try:
        while part := client.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return bytes(found)


@contextmanager
def serving(application: Callable[..., Any], threads: int = 1, **limits: Any) -> Iterator[Served]:
    served = Served(application, threads, Limits(**limits))
    try:
        yield served
    finally:
        served.stop()
        served.thread.join(PATIENCE_S)
        assert not served.thread.is_alive()
        served.loop.close()
