"""Calls a WSGI application and collects its response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO

# Longer responses, such as a CSV file of the whole catalogue, wait on disk until their client takes them.
LARGEST_IN_MEMORY = 1024 * 1024


@dataclass
class Response:
    """``file``, when there is one, follows ``body`` and has to be closed by whoever sends it."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    file: FileWrapper | None = None


class FileWrapper:
    """WSGI's ``wsgi.file_wrapper``: Django passes files through it, so that they need not be read at once.

    ``length`` is None when only the headers of the response say it.
    """

    def __init__(
        self, file: BinaryIO | SpooledTemporaryFile[bytes], block_size: int = 0, length: int | None = None
    ) -> None:
        self.length = length
        self.read = file.read
        self.close = file.close


def call(application: Callable[..., Any], environ: dict[str, Any]) -> Response:
    """The response of ``application``. Files are left to be read; everything else is read here, and what is
    large into a temporary file.

    A streamed response may use this thread's database connection, so it is read in this thread.
    """
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        started[:] = [(status, headers)]

    result = application({**environ, "wsgi.file_wrapper": FileWrapper}, start_response)
    body, file = (b"", result) if isinstance(result, FileWrapper) else _collected(result)
    [(line, headers)] = started
    status, _, reason = line.partition(" ")
    return Response(int(status), reason, headers, body, file)


def _collected(parts: Any) -> tuple[bytes, FileWrapper | None]:
    """All parts, as bytes or as a temporary file."""
    spool = SpooledTemporaryFile(LARGEST_IN_MEMORY)  # noqa: SIM115  whoever sends the response closes it
    try:
        for part in parts:
            spool.write(part)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    length = spool.tell()
    spool.seek(0)
    return (spool.read(), None) if length <= LARGEST_IN_MEMORY else (b"", FileWrapper(spool, length=length))
