"""A loopback server that says word for word what a case tells it to."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self

Talk = Callable[[socket.socket, str], None]
"""Is given the connection and the path asked for; the connection is closed afterwards."""


class LoopbackServer:
    """`with LoopbackServer(talk) as server:`; `asked` are the requests that came, heads and all."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.stopping = threading.Event()
        self.asked: list[str] = []
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for connection in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            head = connection.recv(100_000).decode("latin-1")
            self.asked.append(head)
            self._talk(connection, head.partition(" ")[2].partition(" ")[0])
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1000)
