"""Reads whole requests with Tornado, and processes them with a WSGI application in a few threads.

A request takes a thread only after all of it has arrived, so slow clients hold no thread. Tornado closes
connections whose headers or body do not arrive in time.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from io import BytesIO
from typing import Any, cast

from django.db import DatabaseError
from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream, StreamClosedError
from tornado.wsgi import WSGIContainer

from catalog.web.views.errors import error_response

from . import uploads
from .limits import Limits
from .pool import Busy, Pool
from .wsgi import Response, call

logger = logging.getLogger(__name__)

HEALTH_PATHS = {"/healthz", "/readyz", "/metrics"}
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# A response is written in parts of this many bytes.
PART = 256 * 1024
# A client that is still sending may lose the response when the connection is closed: read on for a moment.
LINGER_S = 2.0
LINGER_BYTES = 8 * 1024 * 1024


class Server(HTTPServer):
    """An HTTP server for ``application``. Has to be made inside a running event loop."""

    def __init__(self, application: Callable[..., Any], *, threads: int, limits: Limits) -> None: ...

    def initialize(self, application: Callable[..., Any], *, threads: int, limits: Limits) -> None:  # type: ignore[override]
        super().initialize(
            lambda _: None,  # start_request is overridden
            max_header_size=limits.header_bytes,
            idle_connection_timeout=limits.header_s,
            body_timeout=limits.body_s,
            max_body_size=limits.upload_bytes + 1,  # Request responds to larger ones with a page
            max_buffer_size=limits.upload_bytes + limits.header_bytes,
        )
        self.application = application
        self.container = WSGIContainer(application)
        self.limits = limits
        self.reads = Pool(threads, limits.queue_length, limits.queue_s)
        # Requests that change something may wait for the database; others must not wait for them.
        self.writes = Pool(max(1, threads // 2), limits.queue_length, limits.queue_s)
        # Health checks have threads of their own, so they respond when all others are busy. /readyz and
        # /metrics may wait for the database or the broker, and /healthz must not wait for them.
        self.health = {path: Pool(1, 8, limits.queue_s) for path in HEALTH_PATHS}
        self.buffered = 0
        self.open: set[IOStream] = set()
        self.most_open = most_connections(limits.connections)
        # Idle connections, the longest idle first: these are closed when there are too many.
        self.idle: dict[IOStream, None] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.stopping = False

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        if len(self.open) >= self.most_open:
            oldest = next(iter(self.idle), stream)
            oldest.close()
            if oldest is stream:
                return
            self.forget(oldest)
        self.open.add(stream)
        self.set_idle(stream)
        super().handle_stream(stream, address)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        connection = cast(HTTP1Connection, request_conn)
        self.set_idle(connection.stream)
        if self.stopping:
            connection.stream.close()
        return Request(self, connection)

    def on_close(self, server_conn: object) -> None:
        self.forget(cast(HTTP1ServerConnection, server_conn).stream)
        super().on_close(server_conn)

    def forget(self, stream: IOStream) -> None:
        self.open.discard(stream)
        self.idle.pop(stream, None)

    def set_idle(self, stream: IOStream) -> None:
        """Marks the connection as idle: it waits for its client."""
        self.idle.pop(stream, None)
        if stream in self.open:
            self.idle[stream] = None

    def start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def shut_down(self) -> None:
        """Stops listening, and returns when responses to all requests so far are sent."""
        self.stopping = True
        self.stop()
        while self.tasks:
            await asyncio.wait(set(self.tasks))
        await self.close_all_connections()


def most_connections(wanted: int) -> int:
    """``wanted``, or fewer when the limit of open files is too low."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if files == resource.RLIM_INFINITY else max(10, min(wanted, files // 2 - 50))


class Request(HTTPMessageDelegate):
    """One request, from its headers to the end of its response."""

    def __init__(self, server: Server, connection: HTTP1Connection) -> None:
        self.server = server
        self.connection = connection
        self.body = bytearray()
        self.limit = server.limits.body_bytes
        # How many more bytes are read after a refusal; None if the request was not refused.
        self.left_to_ignore: int | None = None
        self.gone = asyncio.get_running_loop().create_future()

    async def headers_received(  # type: ignore[override]
        self, start_line: RequestStartLine, headers: HTTPHeaders
    ) -> None:
        if self.connection.stream.closed():
            # Tornado would go on with what the client had sent ahead.
            self.connection.detach()
            return
        # WSGI turns "-" into "_", so these could pass for a header that only the proxy may set.
        for name in [name for name in headers if "_" in name]:
            del headers[name]
        self.request = HTTPServerRequest(connection=self.connection, start_line=start_line, headers=headers)
        # Tornado refuses lengths that are no numbers. The cut avoids int()'s limit of 4,300 digits.
        declared = headers.get("Content-Length", "0")[:20]
        length = int(declared) if declared.isascii() and declared.isdigit() else 0
        if length > self.limit or "Transfer-Encoding" in headers:
            await self._allow_upload(headers.get("Cookie", ""))
        if length > self.limit and self.left_to_ignore is None:
            await self._refuse(413)

    async def _allow_upload(self, cookies: str) -> None:
        """Raises the limits of the body when a picture may be uploaded with this request."""
        if not uploads.takes_pictures(self.request.path):
            return
        try:
            allowed = await self.server.reads.run(partial(uploads.is_staff, cookies))
        except (Busy, DatabaseError):
            await self._refuse(503)
            return
        if allowed:
            self.limit = self.server.limits.upload_bytes
            self.connection.set_body_timeout(self.server.limits.upload_s)

    async def data_received(self, chunk: bytes) -> None:
        if self.left_to_ignore is not None:
            self.left_to_ignore -= len(chunk)
            if self.left_to_ignore < 0:
                self.connection.stream.close()
            return
        before = self._counted()
        self.body += chunk
        self.server.buffered += self._counted() - before
        if len(self.body) > self.limit:
            await self._refuse(413)
        elif self._counted() and self.server.buffered > self.server.limits.buffered_bytes:
            await self._refuse(503)

    def _counted(self) -> int:
        return max(0, len(self.body) - self.server.limits.free_body_bytes)

    def _drop_body(self) -> None:
        self.server.buffered -= self._counted()
        self.body = bytearray()

    def on_connection_close(self) -> None:
        self._drop_body()

    def finish(self) -> None:
        if self.left_to_ignore is not None:
            self.connection.close()
            return
        self.server.idle.pop(self.connection.stream, None)
        self.connection.set_close_callback(self._client_left)
        self.server.start_task(self._respond())

    def _client_left(self) -> None:
        if not self.gone.done():
            self.gone.set_result(None)

    async def _respond(self) -> None:
        try:
            environ = self._environ()
            response = await self._pool().run(partial(self._call, environ))
        except Busy:
            response = self._error(503)
        except Exception:
            logger.exception("Error while processing %s %s", self.request.method, self.request.path)
            response = Response(500, "Internal Server Error", [], BytesIO(), 0)
        finally:
            self._drop_body()
        try:
            if response is not None:
                self.server.set_idle(self.connection.stream)
                await self._send(response)
        except (StreamClosedError, TimeoutError):
            self.connection.close()
        except Exception:
            logger.exception("Error while sending %s %s", self.request.method, self.request.path)
            self.connection.close()
        finally:
            if response is not None:
                response.body.close()

    def _pool(self) -> Pool:
        if health := self.server.health.get(self.request.path):
            return health
        return self.server.reads if self.request.method in SAFE_METHODS else self.server.writes

    def _environ(self) -> dict[str, Any]:
        self.request.body = bytes(self.body)
        # For SERVER_NAME alone. A port need not be a number here; Django looks at the header itself.
        self.request.host = self.request.host.partition(":")[0]
        environ = self.server.container.environ(self.request)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(self.body)) if self.body else ""
        environ["wsgi.multithread"] = True
        return environ

    def _call(self, environ: dict[str, Any]) -> Response | None:
        return None if self.connection.stream.closed() else call(self.server.application, environ)

    def _error(self, status: int) -> Response:
        page = error_response(self.request.path, status)
        return Response(
            status, page.reason_phrase, list(page.items()), BytesIO(page.content), len(page.content)
        )

    async def _send(self, response: Response) -> None:
        headers = HTTPHeaders({"Date": formatdate(usegmt=True)})
        for name, value in response.headers:
            headers.add(name, value.strip())  # Django begins cookies with a space
        has_body = self.request.method != "HEAD" and response.status not in (204, 304)
        if has_body and "Content-Length" not in headers:
            headers["Content-Length"] = str(response.length)
        start_line = ResponseStartLine("HTTP/1.1", response.status, response.reason)
        parts = iter(partial(response.body.read, PART), b"") if has_body else iter(())
        await self._wait_until_read(self.connection.write_headers(start_line, headers, next(parts, None)))
        for part in parts:
            await self._wait_until_read(self.connection.write(part))
        self.connection.finish()

    async def _wait_until_read(self, written: asyncio.Future[None]) -> None:
        """Waits until the client has read what was written, so that a slow one costs little memory."""
        await asyncio.wait(
            {written, self.gone}, timeout=self.server.limits.write_s, return_when=asyncio.FIRST_COMPLETED
        )
        if not written.done():
            raise TimeoutError
        written.result()  # raises what went wrong

    async def _refuse(self, status: int) -> None:
        """Sends an error and closes the connection. What the client still sends is dropped."""
        self._drop_body()
        self.left_to_ignore = LINGER_BYTES
        self.connection.set_max_body_size(sys.maxsize)
        stream = self.connection.stream
        asyncio.get_running_loop().call_later(LINGER_S, stream.close)
        response = self._error(status)
        lines = [f"HTTP/1.1 {status} {response.reason}", "Connection: close"]
        lines += [f"Content-Length: {response.length}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        with suppress(StreamClosedError, OSError):
            await stream.write("\r\n".join([*lines, "", ""]).encode("latin-1") + response.body.read())
            stream.socket.shutdown(socket.SHUT_WR)
