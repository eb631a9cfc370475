"""Hostile files are refused with a reason, whatever is in them, and never by another exception."""

from __future__ import annotations

import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from ml.imaging.images import MAX_BYTES, ImageRejected, image_format, load_pixels, open_safely

from .drawings import drawing, encoded

KINDS = ("JPEG", "PNG", "WEBP", "GIF")


def reason_for(data: bytes, **limits: int) -> str:
    with pytest.raises(ImageRejected) as caught:
        open_safely(data, **limits)
    assert str(caught.value).endswith(".")
    return caught.value.reason


def png_claiming(width: int, height: int) -> bytes:
    """A few valid bytes that promise an enormous picture."""
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


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_an_image"),
        (b"just words", "not_an_image"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "format_not_allowed"),
        (b"<?xml version='1.0'?><svg/>", "format_not_allowed"),
        (b"\0\0\0\x1cftypavif" + b"\0" * 40, "format_not_allowed"),
        (encoded(drawing(), "BMP"), "format_not_allowed"),
        (encoded(drawing(), "TIFF"), "format_not_allowed"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "not_an_image"),
    ],
)
def test_other_files_are_refused_by_what_they_are(data, reason):
    assert reason_for(data) == reason


def test_a_web_page_is_called_one():
    with pytest.raises(ImageRejected, match="web page"):
        open_safely(b"  <html><head></head></html>")


@pytest.mark.parametrize(
    "data", [png_claiming(60_000, 60_000), png_claiming(12_000, 9_000)], ids=["huge", "large"]
)
def test_a_decompression_bomb_is_refused_before_decoding(data):
    assert reason_for(data) == "too_many_pixels"


def test_a_webp_bomb_is_refused_before_its_canvas_is_allocated(monkeypatch):
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
    assert reason_for(encoded(drawing(size=(15, 40)), "PNG")) == "too_small"
    assert reason_for(encoded(drawing(size=(20, 400)), "PNG")) == "aspect_ratio"
    assert reason_for(encoded(drawing()), max_pixels=1000) == "too_many_pixels"


def test_a_jpeg_with_hundreds_of_scans_is_refused():
    plain = encoded(drawing(), "JPEG", progressive=True)
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    assert reason_for(plain[:-2] + scan * 500 + b"\xff\xd9") == "too_many_scans"


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_refused(kind):
    frames = [drawing(seed) for seed in range(3)]
    assert reason_for(encoded(frames[0], kind, save_all=True, append_images=frames[1:])) == "animated"


def test_a_camera_picture_pair_is_not_an_animation():
    data = encoded(drawing(1), "MPO", save_all=True, append_images=[drawing(2)])
    assert image_format(data) == "JPEG"
    assert open_safely(data).size == (200, 300)
    assert load_pixels(data, (30, 20)).shape == (30, 20, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(kind, share):
    data = encoded(drawing(), kind)
    cut = data[: int(len(data) * share)]
    assert reason_for(cut) in {"truncated", "not_an_image"}
    with pytest.raises(ImageRejected):
        load_pixels(cut, (32, 32))


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


SEEDS = [encoded(drawing(size=(48, 64)), kind) for kind in KINDS]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_a_corrupted_image_is_opened_or_rejected_and_nothing_else(data, changes):
    damaged = bytearray(data)
    for where, value in changes:
        damaged[int(where * len(damaged))] = value
    try:
        image = open_safely(bytes(damaged))
    except ImageRejected as refused:
        assert refused.reason
    else:
        assert image.mode == "RGB" and min(image.size) >= 16


def test_an_oversized_file_on_disk_is_not_read_whole(tmp_path: Path):
    file = tmp_path / "huge.jpg"
    with file.open("wb") as handle:
        handle.truncate(MAX_BYTES * 50)
    with pytest.raises(ImageRejected) as caught:
        load_pixels(file, (32, 32))
    assert caught.value.reason == "too_many_bytes"


def test_pillow_settings_are_left_alone_by_threads_side_by_side():
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


def test_the_picture_does_not_depend_on_the_buffer_it_came_from():
    data = bytearray(encoded(drawing(), "PNG"))
    image = open_safely(bytes(data))
    before = np.asarray(image).copy()
    data[:] = b"\0" * len(data)
    assert np.array_equal(np.asarray(image), before)
