"""Hostile image files are rejected with a reason, and never raise another exception."""

from __future__ import annotations

import struct
import threading
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from ml.imaging.images import (
    MAX_BYTES,
    ImageRejected,
    encode_jpeg,
    image_format,
    load_pixels,
    open_safely,
)

from .drawings import drawing, encoded

KINDS = ("JPEG", "PNG", "WEBP", "GIF")


def reason_for(data: bytes, **limits: int) -> str:
    with pytest.raises(ImageRejected) as caught:
        open_safely(data, **limits)
    assert str(caught.value).endswith(".")
    return caught.value.reason


def png_claiming(width: int, height: int) -> bytes:
    """A small PNG whose header claims this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def webp_claiming(width: int, height: int) -> bytes:
    canvas = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + (22).to_bytes(4, "little") + b"WEBPVP8X" + (10).to_bytes(4, "little") + canvas


@pytest.mark.parametrize("kind", KINDS)
def test_an_allowed_format_is_named_and_opened(kind):
    data = encoded(drawing(), kind)
    assert image_format(data) == kind
    image = open_safely(data)
    assert (image.mode, image.size) == ("RGB", (200, 300))


NOT_ALLOWED = {
    "not_an_image": [
        b"", b"just words", b"<!DOCTYPE html><html><body>Not found</body></html>", b"PK\x03\x04" + bytes(40),
        b"MZ" + bytes(100), b"\x7fELF" + bytes(100), b"push graphic-context\nfill 'url(https://evil.example/)'",
        b"\xff\xd8\xff\xe0" + bytes(100), b"\xff\xd8\xff<?php system($_GET[0]); ?>",
        b" " + encoded(drawing(), "PNG"), encoded(drawing(), "PPM"),
    ],
    "format_not_allowed": [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<?xml version='1.0'?><svg/>", b"%!PS-Adobe-3.0",
        b"%PDF-1.7\n", b"8BPS\0\1" + bytes(40), b"\0\0\1\0" + bytes(40), b"\xff\x0a" + bytes(40),
        b"\0\0\0\x1cftypavif" + bytes(40), b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40),
        encoded(drawing(), "BMP"), encoded(drawing(), "TIFF"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("reason", NOT_ALLOWED)
def test_other_files_are_rejected_by_their_content(reason):
    for data in NOT_ALLOWED[reason]:
        assert reason_for(data) == reason, data[:40]


@pytest.mark.parametrize(
    "data",
    [
        encoded(drawing(), "GIF") + b"PK\x03\x04 secret",
        encoded(drawing(), "PNG") + b"secret",
        encoded(drawing(), "JPEG") + b"<script>secret</script>",
        encoded(drawing(), "JPEG", comment=b"secret"),
        encoded(drawing(), "WEBP", xmp=b"<script>secret</script>"),
    ],
    ids=["GIF and zip", "after PNG", "after JPEG", "JPEG comment", "WebP XMP"],
)
def test_a_stored_poster_holds_nothing_but_the_picture(data):
    assert b"secret" in data
    assert b"secret" not in encode_jpeg(open_safely(data))


def with_size(kind: str, marker: bytes, offset: int, size: bytes) -> bytes:
    """A file whose `size` field, `offset` bytes after the first `marker`, is overwritten."""
    data = bytearray(encoded(drawing(), kind))
    at = data.index(marker) + offset
    data[at : at + len(size)] = size
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        png_claiming(12_000, 9_000),
        png_claiming(2**31 - 1, 2**31 - 1),
        with_size("JPEG", b"\xff\xc0", 5, b"\xff\xff\xff\xff"),
        with_size("GIF", b"GIF8", 6, b"\xff\xff\xff\xff"),
        with_size("GIF", b",\0\0\0\0", 5, b"\xff\xff\xff\xff"),
    ],
    ids=["PNG", "giant PNG", "JPEG", "GIF", "GIF frame"],
)
def test_a_decompression_bomb_is_rejected_before_decoding(data):
    assert reason_for(data) == "too_many_pixels"


def test_a_webp_bomb_is_rejected_before_its_canvas_is_allocated(monkeypatch):
    opened = []
    monkeypatch.setattr(Image, "open", lambda *args, **options: opened.append(args))
    assert reason_for(webp_claiming(16_000, 16_000)) == "too_many_pixels"
    assert not opened


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}]
)
def test_webp_size_is_read_right_from_every_kind_of_header(options):
    data = encoded(drawing(size=(201, 77)), "WEBP", **options)
    assert open_safely(data, max_pixels=201 * 77).size == (201, 77)
    assert reason_for(data, max_pixels=201 * 77 - 1) == "too_many_pixels"


def test_limits_on_bytes_sides_and_shape():
    assert reason_for(b"\xff" * (MAX_BYTES + 1)) == "too_many_bytes"
    for size in [(1, 1), (15, 40), (1, 10_000)]:
        assert reason_for(encoded(Image.new("RGB", size), "PNG")) == "too_small"
    for size in [(20, 400), (16, 129)]:
        assert reason_for(encoded(Image.new("RGB", size), "PNG")) == "aspect_ratio"
    for size in [(16, 16), (16, 128)]:
        assert open_safely(encoded(Image.new("RGB", size), "PNG")).size == size
    assert reason_for(encoded(drawing()), max_pixels=1000) == "too_many_pixels"


def test_a_jpeg_with_hundreds_of_scans_is_rejected():
    plain = encoded(drawing(), "JPEG", progressive=True)
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    assert reason_for(plain[:-2] + scan * 500 + b"\xff\xd9") == "too_many_scans"


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_rejected(kind):
    frames = [drawing(seed) for seed in range(3)]
    assert reason_for(encoded(frames[0], kind, save_all=True, append_images=frames[1:])) == "animated"


def test_a_png_that_claims_two_billion_frames_is_an_animation():
    claim = struct.pack(">I", 8) + (body := b"acTL" + struct.pack(">II", 2**31 - 1, 0))
    png = encoded(drawing(), "PNG")
    assert reason_for(png[:33] + claim + struct.pack(">I", zlib.crc32(body)) + png[33:]) == "animated"


def test_a_multi_picture_jpeg_is_not_an_animation():
    data = encoded(drawing(1), "MPO", save_all=True, append_images=[drawing(2)])
    assert image_format(data) == "JPEG"
    assert open_safely(data).size == (200, 300)
    assert load_pixels(data, (30, 20)).shape == (30, 20, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_file_is_rejected_or_has_every_pixel(kind):
    whole = encoded(drawing(size=(48, 64)), kind)
    pixels = np.asarray(open_safely(whole))
    assert reason_for(whole[: len(whole) // 2]) == "truncated"
    for end in range(0, len(whole), 7):
        try:
            image = open_safely(whole[:end])
        except ImageRejected:
            with pytest.raises(ImageRejected):
                load_pixels(whole[:end], (32, 32))
        else:
            assert np.array_equal(np.asarray(image), pixels)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x40\0\0\0WEBPVP8X"]),
)
def test_random_bytes_raise_nothing_but_image_rejected(body, signature):
    with pytest.raises(ImageRejected):
        open_safely(signature + body)
    with pytest.raises(ImageRejected):
        load_pixels(signature + body, (32, 32))


def test_threads_do_not_change_pillows_settings():
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    good, bomb = encoded(drawing()), png_claiming(12_000, 9_000)
    outcomes: list[object] = []

    def work(data: bytes) -> None:
        for _ in range(20):
            try:
                outcomes.append(open_safely(data).size)
            except ImageRejected as refused:
                outcomes.append(refused.reason)

    threads = [threading.Thread(target=work, args=(data,)) for data in (good, bomb, good, bomb)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count((200, 300)) == outcomes.count("too_many_pixels") == 40
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def test_an_opened_image_does_not_share_its_buffer():
    data = bytearray(encoded(drawing(), "PNG"))
    image = open_safely(bytes(data))
    before = np.asarray(image).copy()
    data[:] = b"\0" * len(data)
    assert np.array_equal(np.asarray(image), before)
