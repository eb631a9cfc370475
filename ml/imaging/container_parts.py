"""Count the segments, chunks or blocks of an image file before it is decoded.

Pillow reads them one by one in Python, up to three times: a file of 20 MB with parts of a few bytes would
take minutes and hundreds of megabytes. Real files have tens of parts, at most some thousands.
"""

from __future__ import annotations

import re

_MOST_SEGMENTS = 4_096  # of a JPEG, before its image data
_MOST_CHUNKS = 32_768  # of a PNG: chunks of pixels may have less than a kilobyte
_MOST_BLOCKS = 131_072  # of a GIF, each with up to 255 bytes

_NO_SEGMENT = re.compile(rb"[^\xff]*\xff+", re.DOTALL)


def too_many_parts(data: bytes, kind: str) -> bool:
    """Whether a file of `kind` "JPEG", "PNG" or "GIF" has more parts than encoders write; False for
    others."""
    if kind == "JPEG":
        return _jpeg(data)
    if kind == "PNG":
        return _png(data)
    return kind == "GIF" and _gif(data)


def _jpeg(data: bytes) -> bool:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        found = _NO_SEGMENT.match(data, at)
        if found is None:
            return False
        # Fill bytes before a marker are allowed and rare.
        if found.end() - at > _MOST_SEGMENTS:
            return True
        marker = data[found.end() : found.end() + 1]
        at = found.end() + 1
        if marker in (b"\xda", b""):
            return False
        if marker not in b"\x00\x01\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9":
            at += max(int.from_bytes(data[at : at + 2]), 2)
    return True


def _png(data: bytes) -> bool:
    at = 8
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            return False
        at += 12 + int.from_bytes(data[at : at + 4])
    return True


def _gif(data: bytes) -> bool:
    at = 13 + _palette_bytes(data[10:11])
    blocks = 0
    while at < len(data):
        kind = data[at]
        if kind == 0x3B:
            return False
        if kind == 0x21:
            at += 2
        elif kind == 0x2C:
            at += 11 + _palette_bytes(data[at + 9 : at + 10])
        else:
            at += 1
        while at < len(data) and kind in (0x21, 0x2C):
            blocks += 1
            length = data[at]
            at += 1 + length
            if not length or blocks > _MOST_BLOCKS:
                break
        blocks += 1
        if blocks > _MOST_BLOCKS:
            return True
    return False


def _palette_bytes(flags: bytes) -> int:
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0
