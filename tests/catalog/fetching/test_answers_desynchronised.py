"""An interim answer is not the answer, and a key in an address is not logged."""

from __future__ import annotations

import logging
import socket

import pytest

from catalog.fetching.credential import Credential
from tests.catalog.fetching.clients import client_for
from tests.replica.raw_server import RawServer


def test_each_request_gets_its_own_answer_after_early_hints() -> None:
    def hinting(connection: socket.socket) -> None:
        for body in (b"one", b"two"):
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + body)
            connection.recv(65536)

    with RawServer(hinting) as server, client_for(server.url, robots=False) as client:
        assert [client.get(server.url + path).body for path in ("/1", "/2")] == [b"one", b"two"]
        assert server.connections == 1


def test_a_key_in_the_address_is_not_logged_with_odd_headers(caplog: pytest.LogCaptureFixture) -> None:
    answer = b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 4\r\n\r\nfilm"
    credential = Credential(query={"api_key": "hunter2"})
    with RawServer(lambda connection: connection.sendall(answer)) as server, caplog.at_level(logging.DEBUG):
        client_for(server.url, robots=False).get(server.url + "/3/movie/7", credential=credential)
    logged = " ".join(record.getMessage() for record in caplog.records)
    assert "Failed to parse headers" in logged
    assert "hunter2" not in logged
