"""Images of every mode, profile and orientation are decoded to the same upright sRGB image."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest
from PIL import Image, ImageCms

from ml.imaging.images import load_pixels, open_safely

from .drawings import drawing, encoded


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def test_a_grey_picture_has_three_equal_channels():
    opened = pixels(open_safely(encoded(drawing().convert("L"), "PNG")))
    assert opened.shape == (300, 200, 3)
    assert np.ptp(opened, axis=2).max() == 0


def test_sixteen_bit_grey_keeps_its_range():
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    opened = pixels(open_safely(encoded(Image.fromarray(ramp), "PNG")))
    assert np.abs(opened[..., 0] - ramp / 257).max() <= 0.5 + 1e-9
    assert opened.max() == 255 and opened.min() == 0


def test_one_bit_and_palette_pictures_keep_their_colours():
    bits = drawing().convert("1")
    assert np.array_equal(pixels(open_safely(encoded(bits, "PNG")))[..., 0], pixels(bits.convert("L")))
    palette = drawing().quantize(32)
    assert np.array_equal(pixels(open_safely(encoded(palette, "PNG"))), pixels(palette.convert("RGB")))


def test_a_transparent_palette_entry_is_white_too():
    picture = Image.new("P", (32, 32), 1)
    picture.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    picture.paste(0, (0, 0, 16, 32))
    opened = pixels(open_safely(encoded(picture, "PNG", transparency=0)))
    assert tuple(opened[5, 5]) == (255, 255, 255)
    assert tuple(opened[5, 25]) == (0, 0, 255)


def test_cmyk_jpeg_becomes_the_same_colours():
    original = drawing()
    opened = open_safely(encoded(original.convert("CMYK"), "JPEG", quality=98))
    assert opened.mode == "RGB"
    assert np.abs(pixels(opened) - pixels(original)).mean() < 4


def exchanged_profile() -> bytes:
    """A colour profile, made from sRGB, whose red primary is blue and whose blue is red."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    renamed = srgb.replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be"))
    return renamed.replace(b"rXYZ", b"tmp!", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"tmp!", b"bXYZ", 1)


def test_an_embedded_profile_is_converted_to_srgb():
    original = drawing()
    opened = open_safely(encoded(original, "PNG", icc_profile=exchanged_profile()))
    assert np.abs(pixels(opened) - pixels(original)[..., ::-1]).mean() < 3


def test_a_plain_broken_or_unsuitable_profile_is_ignored():
    original = drawing()
    for profile in (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
        b"not a profile" * 20,
    ):
        opened = open_safely(encoded(original, "PNG", icc_profile=profile))
        assert np.array_equal(pixels(opened), pixels(original))
    opened = open_safely(encoded(original.convert("L"), "PNG", icc_profile=exchanged_profile()))
    assert np.array_equal(pixels(opened)[..., 0], pixels(original.convert("L")))


@pytest.mark.parametrize(
    ("orientation", "kind"), zip(range(1, 9), cycle(["JPEG", "PNG", "WEBP"]), strict=False)
)
def test_exif_orientation_is_applied(orientation, kind):
    upright = drawing(size=(160, 240))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, kind, exif=exif, quality=95)
    opened = open_safely(data)
    assert opened.size == upright.size
    assert np.abs(pixels(opened) - pixels(upright)).mean() < 4
    assert not opened.getexif() and not opened.info
    small = load_pixels(data, (48, 32))
    assert np.abs(small - pixels(upright.resize((32, 48), Image.Resampling.BILINEAR))).mean() < 6


def test_invalid_exif_is_ignored():
    for orientation in (0, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        assert open_safely(encoded(drawing(), exif=exif)).size == (200, 300)
    broken = b"Exif\0\0II*\0\xff\xff\xff\xff junk"
    assert open_safely(encoded(drawing(), exif=broken)).size == (200, 300)
