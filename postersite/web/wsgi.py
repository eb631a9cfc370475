"""Calls a WSGI application and collects its response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Any

# Longer responses, such as a CSV file of the whole catalogue, wait on disk until their client reads them.
LARGEST_IN_MEMORY = 256 * 1024


@dataclass
class Response:
    """``body`` is at its start, ``length`` bytes long, and must be closed by whoever sends it."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: IO[bytes]
    length: int


def call(application: Callable[..., Any], environ: dict[str, Any]) -> Response:
    """The whole response of ``application``, without a body for HEAD.

    It is read in this thread, because a streamed response may use the thread's database connection.
    """
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        started[:] = [(status, headers)]

    parts = application(environ, start_response)
    body: IO[bytes] = SpooledTemporaryFile(LARGEST_IN_MEMORY)  # noqa: SIM115
    try:
        body.writelines([] if environ["REQUEST_METHOD"] == "HEAD" else parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    length = body.tell()
    body.seek(0)
    [(line, headers)] = started
    status, _, reason = line.partition(" ")
    return Response(int(status), reason, headers, body, length)
