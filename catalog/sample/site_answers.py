"""What the replica answers with: status, headers, body, and the faults that a test may ask for."""

import hashlib
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from catalog.sample import site_api
from catalog.sample.site_pages import error_page

# Drawn and in-memory posters have no file date; one fixed date keeps Last-Modified true over restarts.
UNDATED = 1_700_000_000.0
JSON = {"Content-Type": "application/json;charset=utf-8"}


@dataclass(frozen=True)
class Response:
    """One answer of the replica.

    ``delay_s`` seconds pass before it is sent. With ``truncate_to`` only so many bytes of the body follow a
    Content-Length that promises all of it, and the connection is cut.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0.0
    truncate_to: int | None = None


def cacheable(body: bytes, media_type: str, modified: float = UNDATED) -> Response:
    tag = hashlib.sha256(body).hexdigest()[:24]
    return Response(
        200,
        {
            "Content-Type": media_type,
            "ETag": f'"{tag}"',
            "Last-Modified": formatdate(modified, usegmt=True),
            "Cache-Control": "public, max-age=3600",
        },
        body,
    )


def html(text: str) -> Response:
    return cacheable(text.encode(), "text/html; charset=utf-8")


def encoded_json(value: dict[str, Any]) -> Response:
    return cacheable(site_api.encoded(value), JSON["Content-Type"])


def error_answer(status: int) -> Response:
    page = error_page(status, HTTPStatus(status).phrase)
    return Response(status, {"Content-Type": "text/html; charset=utf-8"}, page.encode())
