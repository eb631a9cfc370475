"""Calls a WSGI application and collects its response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO


@dataclass
class Response:
    """``file``, when there is one, follows ``body`` and has to be closed by whoever sends it."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    file: FileWrapper | None = None


class FileWrapper:
    """WSGI's ``wsgi.file_wrapper``: Django passes files through it, so that they need not be read at once."""

    def __init__(self, file: BinaryIO, block_size: int = 0) -> None:
        self.read = file.read
        self.close = file.close


def call(application: Callable[..., Any], environ: dict[str, Any]) -> Response:
    """The response of ``application``. Files are left to be read; everything else is read here.

    A streamed response may use this thread's database connection, so it is read in this thread.
    """
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        started[:] = [(status, headers)]

    result = application({**environ, "wsgi.file_wrapper": FileWrapper}, start_response)
    file = result if isinstance(result, FileWrapper) else None
    try:
        body = b"" if file else b"".join(result)
    finally:
        if not file and hasattr(result, "close"):
            result.close()
    status, _, reason = started[0][0].partition(" ")
    return Response(int(status), reason, started[0][1], body, file)
