"""How much a client may send, how long it may take, and how many requests may wait."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Limits of one server process. Times are in seconds, sizes in bytes."""

    connections: int = 4000
    header_bytes: int = 32 * 1024
    # Also how long a connection may stay open between two requests.
    header_s: float = 10.0
    body_bytes: int = MIB
    body_s: float = 30.0
    # Only where a signed-in member of staff may upload a picture.
    upload_bytes: int = 25 * MIB
    upload_s: float = 300.0
    # The part of each body that does not count towards buffered_bytes: ordinary forms always fit.
    free_body_bytes: int = 64 * 1024
    buffered_bytes: int = 128 * MIB
    # For the client to read each part of a response.
    write_s: float = 30.0
    # A browser requests all posters of a page at once, so the queue is bounded by time more than by length.
    queue_length: int = 200
    queue_s: float = 2.0
