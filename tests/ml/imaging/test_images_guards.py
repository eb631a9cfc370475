"""Hostile image files are rejected with a reason, and never raise another exception."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from ml.imaging.images import (
    MAX_BYTES,
    MAX_PIXELS,
    ImageRejected,
    encode_jpeg,
    image_format,
    load_pixels,
    open_safely,
    read_file,
)

from .drawings import drawing, encoded

KINDS = ("JPEG", "PNG", "WEBP", "GIF")
SMALL = drawing(size=(48, 64))


def reason_for(data: bytes, **limits: int) -> str:
    with pytest.raises(ImageRejected) as caught:
        open_safely(data, **limits)
    assert str(caught.value).endswith(".")
    return caught.value.reason


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_with(name: bytes, data: bytes) -> bytes:
    """A small PNG with another chunk after its header."""
    png = encoded(SMALL, "PNG")
    return png[:33] + chunk(name, data) + png[33:]


def png_claiming(width: int, height: int) -> bytes:
    """A small PNG whose header claims this size."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


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
    if kind == "PNG":  # claims two billion frames
        assert reason_for(png_with(b"acTL", struct.pack(">II", 2**31 - 1, 0))) == "animated"


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


def test_files_of_very_many_parts_are_rejected_before_decoding(monkeypatch):
    opened: list[object] = []
    png, jpeg, gif = (encoded(SMALL, kind) for kind in ("PNG", "JPEG", "GIF"))
    frame = 13 + (3 << ((gif[10] & 7) + 1) if gif[10] & 0x80 else 0)
    monkeypatch.setattr(Image, "open", lambda *args, **options: opened.append(args))
    assert reason_for(png[:33] + chunk(b"prVt", b"") * 40_000 + png[33:]) == "too_many_parts"
    assert reason_for(jpeg[:2] + b"\xff\xed\0\x02" * 5_000 + jpeg[2:]) == "too_many_parts"
    assert reason_for(jpeg[:2] + b"\xff" * 10**6 + jpeg[2:]) == "too_many_parts"
    assert reason_for(gif[:frame] + b"!\xfe\x01a\0" * 140_000 + gif[frame:]) == "too_many_parts"
    assert reason_for(gif[:frame] + b"!\xfe" + b"\x01a" * 10**6 + b"\0" + gif[frame:]) == "too_many_parts"
    assert not opened


def test_files_of_many_valid_parts_are_opened():
    png = encoded(drawing(size=(400, 600)), "PNG")
    pixels = b"".join(
        png[at + 8 : at + 8 + size]
        for at in [png.index(b"IDAT") - 4]
        for size in [int.from_bytes(png[at : at + 4], "big")]
    )
    pieces = b"".join(chunk(b"IDAT", pixels[at : at + 16]) for at in range(0, len(pixels), 16))
    header = png[: png.index(b"IDAT") - 4]
    assert open_safely(header + pieces + chunk(b"IEND", b"")).size == (400, 600)
    jpeg = encoded(SMALL)
    many = b"\xff\xe1\xff\xff" + bytes(65_533)
    assert open_safely(jpeg[:2] + many * 100 + jpeg[2:]).size == (48, 64)
    gif = encoded(drawing(size=(1_000, 1_500)), "GIF")
    assert open_safely(gif).size == (1_000, 1_500)


@pytest.mark.parametrize(
    ("name", "start"), [(b"zTXt", b"k\0\0"), (b"iTXt", b"k\0\1\0\0\0"), (b"iCCP", b"p\0\0")]
)
def test_compressed_text_that_unpacks_to_too_much_is_rejected(name, start):
    assert reason_for(png_with(name, start + zlib.compress(bytes(5_000_000)))) == "too_much_text"


def test_text_after_the_pixels_is_not_unpacked():
    png = encoded(SMALL, "PNG")
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(5_000_000)))
    assert open_safely(png[:-12] + text + png[-12:]).size == (48, 64)


def test_transparency_is_composited_on_white():
    grey, alpha = np.meshgrid(np.arange(256), np.arange(256))
    picture = Image.fromarray(np.stack([grey, grey, grey, alpha], -1).astype(np.uint8), "RGBA")
    expected = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    assert np.array_equal(np.asarray(open_safely(encoded(picture, "PNG"))), np.asarray(expected))


SIGNATURES = [b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x40\0\0\0WEBPVP8X"]
SEEDS = [
    encoded(SMALL, "JPEG"),
    encoded(SMALL, "JPEG", progressive=True, icc_profile=b"p" * 300, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"),
    encoded(SMALL.convert("CMYK"), "JPEG"),
    encoded(SMALL, "MPO", save_all=True, append_images=[SMALL]),
    encoded(SMALL, "PNG"),
    encoded(SMALL.quantize(16), "PNG", transparency=1),
    encoded(Image.fromarray(np.asarray(SMALL.convert("L")).astype(np.uint16) * 257), "PNG"),
    encoded(SMALL, "PNG", save_all=True, append_images=[drawing(1, (48, 64))]),
    encoded(SMALL, "WEBP"),
    encoded(SMALL.convert("RGBA"), "WEBP", lossless=True),
    encoded(SMALL, "GIF"),
    encoded(SMALL, "GIF", comment=b"x" * 600, interlace=1),
]

edits = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("insert"), st.floats(0, 1), st.binary(min_size=1, max_size=40)),
        st.tuples(st.just("cut"), st.floats(0, 1), st.binary(min_size=1, max_size=200)),
        st.tuples(st.just("repeat"), st.floats(0, 1), st.binary(min_size=1, max_size=60)),
    ),
    min_size=1,
    max_size=6,
)


def edited(data: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    changed = bytearray(data)
    for how, where, some in changes:
        at, size = int(where * len(changed)), len(some)
        if how == "set":
            changed[at : at + size] = some
        elif how == "insert":
            changed[at:at] = some
        elif how == "cut":
            del changed[at : at + size]
        else:
            changed[at:at] = changed[at : at + size] * 3
    return bytes(changed)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SEEDS + SIGNATURES), edits)
def test_a_damaged_file_is_rejected_or_an_rgb_image_within_bounds(data, changes):
    try:
        image = open_safely(edited(data, changes))
    except ImageRejected as error:
        assert error.reason and str(error).endswith(".")
    else:
        assert image.mode == "RGB" and not image.info
        assert min(image.size) >= 16 and image.width * image.height <= MAX_PIXELS
        assert max(image.size) <= 8 * min(image.size)


@settings(max_examples=100)
@given(st.sampled_from(SEEDS), st.integers(1, 1 << 20))
def test_a_cap_on_pixels_holds_whatever_the_format(data, most):
    try:
        image = open_safely(data, max_pixels=most)
    except ImageRejected as error:
        assert error.reason in ("too_many_pixels", "animated")
    else:
        assert image.width * image.height <= most


def test_a_large_file_is_not_read_to_its_end(tmp_path: Path):
    file = tmp_path / "huge.png"
    with file.open("wb") as handle:
        handle.write(encoded(SMALL, "PNG"))
        handle.truncate(MAX_BYTES * 50)
    assert len(read_file(file)) < 30_000_000
    assert reason_for(read_file(file)) == "too_many_bytes"
    with pytest.raises(ImageRejected) as caught:
        load_pixels(file, (32, 32))
    assert caught.value.reason == "too_many_bytes"


def test_pillows_settings_are_not_changed():
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    open_safely(encoded(drawing()))
    assert reason_for(png_claiming(12_000, 9_000)) == "too_many_pixels"
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
