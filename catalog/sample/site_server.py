"""The replica's HTTP server: conditional requests, HEAD, keep-alive, and the faults that tests request."""

import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Response:
    """One response of the replica.

    It is sent after ``delay_s`` seconds. With ``truncate_to`` only that many bytes of the body follow a
    Content-Length that announces all of it, and the connection is closed.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0.0
    truncate_to: int | None = None


class ReplicaServer(ThreadingHTTPServer):
    """Sends what ``respond(path, headers)`` returns, or status 500 if it raises.

    ``log`` has (monotonic time, path, status) of the latest requests. Raises OSError for a port in use.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], respond: Callable[[str, Mapping[str, str]], Response]
    ) -> None:
        self.respond = respond
        self.log: deque[tuple[float, str, int]] = deque(maxlen=100_000)
        self.verbose = False
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        # The threads of keep-alive connections would go on responding.
        with self._open_lock:
            for request in self._open:
                try:
                    request.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client has closed it

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: ReplicaServer
    protocol_version = "HTTP/1.1"
    server_version = "Replica"
    sys_version = ""
    timeout = 60  # seconds after which an idle connection is closed
    wbufsize = 65536  # sends head and body in one packet
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve(with_body=True)

    def do_HEAD(self) -> None:
        self._serve(with_body=False)

    def _serve(self, with_body: bool) -> None:
        try:
            response = self.server.respond(self.path, dict(self.headers))
        except Exception as error:  # noqa: BLE001 - a fault added by a test may raise anything
            self.log_error("%s: %s", self.path, error)
            response = Response(500)
        if response.delay_s:
            self.server.stopping.wait(response.delay_s)
        status = 304 if response.status == 200 and self._is_fresh(response.headers) else response.status
        self.server.log.append((time.monotonic(), self.path, status))
        self._send(response, status, with_body)

    def _is_fresh(self, headers: dict[str, str]) -> bool:
        if header := self.headers.get("If-None-Match"):
            tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
            return "*" in tags or headers.get("ETag") in tags
        since, modified = self.headers.get("If-Modified-Since"), headers.get("Last-Modified")
        if not since or not modified:
            return False
        try:
            return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
        except (TypeError, ValueError):
            return False

    def _send(self, response: Response, status: int, with_body: bool) -> None:
        has_body = status >= 200 and status not in (204, 304)
        names = {name.lower() for name in response.headers}
        self.send_response(status)
        for name, value in response.headers.items():
            if has_body or name.lower() not in ("content-type", "content-length"):
                self.send_header(name, value)
        if has_body and not names & {"content-length", "transfer-encoding"}:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if with_body and has_body:
            self.wfile.write(response.body[: response.truncate_to])
            self.close_connection |= response.truncate_to is not None

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        if self.server.verbose:
            super().log_request(code, size)
