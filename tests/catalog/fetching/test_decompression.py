"""Compressed bodies are complete, however they arrive, or they are errors."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.fetching.response import DamagedBody, Decompressor

FORMS = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "x-gzip": lambda data: gzip.compress(data[:5], mtime=0) + gzip.compress(data[5:], mtime=0),
    "deflate": zlib.compress,
    "identity": lambda data: data,
}


def decompressed(encoding: str, *parts: bytes) -> bytes:
    decompressor = Decompressor(encoding)
    body = b"".join(block for part in parts for block in decompressor.blocks(part))
    decompressor.finish()
    return body


@given(st.sampled_from(sorted(FORMS)), st.binary(max_size=500), st.integers(1, 50))
def test_a_body_is_complete_however_it_is_cut(encoding: str, data: bytes, size: int) -> None:
    packed = FORMS[encoding](data)
    parts = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert decompressed(encoding, *parts) == data


@given(st.binary(min_size=1, max_size=500), st.sampled_from(["gzip", "deflate"]), st.data())
def test_a_body_that_breaks_off_is_never_complete(data: bytes, encoding: str, draw: st.DataObject) -> None:
    packed = FORMS[encoding](data)
    end = draw.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(DamagedBody, match="breaks off"):
        decompressed(encoding, packed[:end])


@given(st.sampled_from(["gzip", "deflate"]), st.lists(st.binary(max_size=100), max_size=5))
def test_any_bytes_are_decompressed_or_damaged(encoding: str, parts: list[bytes]) -> None:
    try:
        assert isinstance(decompressed(encoding, *parts), bytes)
    except DamagedBody as error:
        assert "compression" in str(error)


def test_a_bomb_comes_in_small_blocks() -> None:
    blocks = list(Decompressor("gzip").blocks(gzip.compress(bytes(5_000_000))))
    assert sum(map(len, blocks)) == 5_000_000
    assert max(map(len, blocks)) <= 64 * 1024


def test_deflate_without_its_header_and_rubbish_after_gzip_are_read() -> None:
    assert decompressed("deflate", zlib.compress(b"film" * 9)[2:-4]) == b"film" * 9
    assert decompressed("gzip", gzip.compress(b"film") + b"rubbish") == b"film"
    assert decompressed("gzip", gzip.compress(b"film") + b"\x1frubbish") == b"film"
    assert decompressed("gzip") == b""
