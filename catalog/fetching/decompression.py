"""Bodies as they were before gzip or deflate: a little at a time, and whole or not at all."""

import zlib
from collections.abc import Iterator
from typing import Protocol

ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate")

_BLOCK = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class Damaged(ValueError):
    """What was sent cannot be unpacked, or ended before its end."""


class Decompressor(Protocol):
    """What zlib.decompressobj gives."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Unpacker:
    """The unpacked blocks of one body; `finish` says whether it was whole.

    Of gzip, members that follow each other are one body and what follows them is ignored; "deflate" is zlib's
    form, or the bare one that some servers send. `encoding` is one of ENCODINGS.
    """

    def __init__(self, encoding: str) -> None:
        self._packed = encoding not in ("", "identity")
        self._gzip = encoding in ("gzip", "x-gzip")
        self._start = b""
        self._zlib: Decompressor | None = None
        self._members = 0
        self._over = False

    def blocks(self, data: bytes) -> Iterator[bytes]:
        """Blocks of at most 64 KiB of what `data`, the next bytes of the body, unpacks to. Raises Damaged."""
        if not self._packed:
            yield data
            return
        if self._zlib is None:
            self._start += data
            if len(self._start) < 2:
                return
            self._zlib, data = zlib.decompressobj(self._form()), self._start
        while data and not self._over:
            if self._zlib.eof:
                if not self._gzip or not data.startswith(b"\x1f"):
                    self._over = True
                    return
                self._zlib = zlib.decompressobj(_GZIP)
            try:
                block = self._zlib.decompress(data, _BLOCK)
            except zlib.error as error:
                if not self._members:
                    raise Damaged("its compression is damaged") from error
                self._over = True
                return
            self._members += self._zlib.eof
            data = self._zlib.unconsumed_tail or self._zlib.unused_data
            if block:
                yield block

    def finish(self) -> None:
        """Raises Damaged if the body ended before its compression did; an empty body is whole."""
        ended = self._over or (self._zlib is not None and self._zlib.eof)
        if self._start and not ended:
            raise Damaged("its compression breaks off")

    def _form(self) -> int:
        if self._gzip:
            return _GZIP
        # RFC 1950, 2.2: eight in the low half of the first byte, and both together a multiple of 31.
        first, second = self._start[:2]
        has_header = first & 15 == zlib.DEFLATED and (first * 256 + second) % 31 == 0
        return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
