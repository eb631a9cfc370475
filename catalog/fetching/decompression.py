"""Decompress gzip and deflate bodies in small blocks, and detect those that are damaged or incomplete."""

import zlib
from collections.abc import Iterator
from typing import Any

ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate")

_BLOCK = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class DamagedBody(ValueError):
    """A body cannot be decompressed, or ended early."""


class Decompressor:
    """The decompressed blocks of one body; `finish` checks that it was complete.

    Consecutive gzip members are one body, and what follows them is ignored; "deflate" is zlib's format, or
    the raw one that some servers send. `encoding` is one of ENCODINGS.
    """

    def __init__(self, encoding: str) -> None:
        self._compressed = encoding not in ("", "identity")
        self._gzip = encoding in ("gzip", "x-gzip")
        self._start = b""
        self._zlib: Any = None
        self._members = 0
        self._ended = False

    def blocks(self, data: bytes) -> Iterator[bytes]:
        """Decompress `data`, the next bytes of the body, to blocks of at most 64 KiB. Raises DamagedBody."""
        if not self._compressed:
            yield data
            return
        if self._zlib is None:
            self._start += data
            if len(self._start) < 2:
                return
            self._zlib, data = zlib.decompressobj(self._format()), self._start
        while data and not self._ended:
            if self._zlib.eof:
                if not self._gzip or not data.startswith(b"\x1f"):
                    self._ended = True
                    return
                self._zlib = zlib.decompressobj(_GZIP)
            try:
                block = self._zlib.decompress(data, _BLOCK)
            except zlib.error as error:
                if not self._members:
                    raise DamagedBody("its compression is damaged") from error
                self._ended = True
                return
            self._members += self._zlib.eof
            data = self._zlib.unconsumed_tail or self._zlib.unused_data
            if block:
                yield block

    def finish(self) -> None:
        """Raise DamagedBody if the body ended before its compression did; an empty body is complete."""
        ended = self._ended or (self._zlib is not None and self._zlib.eof)
        if self._start and not ended:
            raise DamagedBody("its compression breaks off")

    def _format(self) -> int:
        if self._gzip:
            return _GZIP
        # RFC 1950, 2.2: eight in the low half of the first byte, and both together a multiple of 31.
        first, second = self._start[:2]
        has_header = first & 15 == zlib.DEFLATED and (first * 256 + second) % 31 == 0
        return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
