"""A light load generator: clients on persistent connections, in one thread, without an HTTP library.

It shares the cores with the server that is measured, so its own CPU time counts.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks._scratch_site import HOST

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
END = b"\r\n\r\n"
# Then a client connects again, as the next visitor. Connections stay with one server process, so eight that
# never end can leave the other process without work.
ANSWERS_PER_CONNECTION = 20


class Request(NamedTuple):
    """What is sent. kind: the kind of page."""

    kind: str
    data: bytes

    @classmethod
    def get(cls, kind: str, address: str, cookie: str = "") -> Request:
        lines = [f"GET {address} HTTP/1.1", "Host: localhost", "Accept-Encoding: gzip"]
        lines += [f"Cookie: {cookie}"] if cookie else []
        return cls(kind, "\r\n".join([*lines, "", ""]).encode())


class Answer(NamedTuple):
    """status: 0 if the connection broke."""

    kind: str
    seconds: float
    status: int


@dataclass
class Client:
    """One connection. number: of its current request. answers: how many it has received."""

    connection: socket.socket
    number: int
    answers: int = 0
    began: float = 0.0
    received: bytes = b""
    length: int | None = None


def load(port: int, requests: Sequence[Request], clients: int, seconds: float) -> list[Answer]:
    """The answers within `seconds`. Each client requests one page after the other, from its own beginning."""
    found: list[Answer] = []
    waiting = selectors.DefaultSelector()
    every = [_opened(port, number * len(requests) // clients, requests) for number in range(clients)]
    for client in every:
        waiting.register(client.connection, selectors.EVENT_READ, client)
    until = time.perf_counter() + seconds
    while (left := until - time.perf_counter()) > 0:
        for key, _ in waiting.select(left):
            client = key.data
            status = _read(client)
            if status is None:
                continue
            found.append(Answer(requests[client.number].kind, time.perf_counter() - client.began, status))
            number = (client.number + 1) % len(requests)
            client.answers += 1
            if status and client.answers < ANSWERS_PER_CONNECTION:
                _send(client, number, requests)
            else:
                waiting.unregister(client.connection)
                client.connection.close()
                again = _opened(port, number, requests)
                waiting.register(again.connection, selectors.EVENT_READ, again)
    for key in list(waiting.get_map().values()):
        key.data.connection.close()
    waiting.close()
    return found


def _opened(port: int, number: int, requests: Sequence[Request]) -> Client:
    connection = socket.create_connection((HOST, port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = Client(connection, number)
    _send(client, number, requests)
    return client


def _send(client: Client, number: int, requests: Sequence[Request]) -> None:
    client.number, client.received, client.length = number, b"", None
    client.began = time.perf_counter()
    client.connection.sendall(requests[number].data)


def _read(client: Client) -> int | None:
    """The status when the whole response has arrived, 0 if none will arrive, else None."""
    try:
        part = client.connection.recv(1 << 18)
    except OSError:
        return 0
    if not part:
        return 0
    client.received += part
    if client.length is None and END in client.received:
        head, _, _ = client.received.partition(END)
        length = LENGTH.search(head + b"\r\n")
        client.length = len(head) + len(END) + (int(length[1]) if length else 0)
    if client.length is None or len(client.received) < client.length:
        return None
    return int(client.received[9:12])
