"""Damaged image files of every format are rejected with a reason, or become an RGB image within bounds."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.imaging.images import MAX_PIXELS, ImageRejected, open_safely, read_file

from .drawings import drawing, encoded

SMALL = drawing(size=(48, 64))
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
@given(st.sampled_from(SEEDS), edits)
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


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def reason_for(data: bytes) -> str:
    with pytest.raises(ImageRejected) as caught:
        open_safely(data)
    return caught.value.reason


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
    png = encoded(SMALL, "PNG")
    text = chunk(name, start + zlib.compress(bytes(5_000_000)))
    assert reason_for(png[:33] + text + png[33:]) == "too_much_text"


def test_text_after_the_pixels_is_not_unpacked():
    png = encoded(SMALL, "PNG")
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(5_000_000)))
    assert open_safely(png[:-12] + text + png[-12:]).size == (48, 64)


def test_transparency_is_composited_on_white():
    grey, alpha = np.meshgrid(np.arange(256), np.arange(256))
    picture = Image.fromarray(np.stack([grey, grey, grey, alpha], -1).astype(np.uint8), "RGBA")
    expected = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    assert np.array_equal(np.asarray(open_safely(encoded(picture, "PNG"))), np.asarray(expected))


def test_a_large_file_is_not_read_to_its_end(tmp_path):
    file = tmp_path / "huge.png"
    with file.open("wb") as handle:
        handle.write(encoded(SMALL, "PNG"))
        handle.truncate(10**9)
    assert reason_for(read_file(file)) == "too_many_bytes"
    assert io.BytesIO(read_file(file)).getbuffer().nbytes < 30_000_000
