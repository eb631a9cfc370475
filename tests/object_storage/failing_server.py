"""A server on loopback that passes requests on to the S3 server, and cuts off its responses half-way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests


@contextmanager
def failing_half_way(server: str) -> Iterator[str]:
    """The address of a server whose responses to GET end after half of their content."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._respond(requests.head(f"{server}{self.path}", timeout=10))

        def do_GET(self) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() == "range"}
            self._respond(requests.get(f"{server}{self.path}", headers=headers, timeout=10))
            self.close_connection = True

        def _respond(self, response: requests.Response) -> None:
            self.send_response(response.status_code)
            for name in ("Content-Length", "Content-Type", "Content-Range", "ETag", "x-amz-meta-sha256"):
                if name in response.headers:
                    self.send_header(name, response.headers[name])
            self.end_headers()
            self.wfile.write(response.content[: len(response.content) // 2])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()
