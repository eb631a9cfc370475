"""Decoding to a network's input: shape, range, filter, and agreement of fast and full decoding."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ml.imaging.images import ImageRejected, encode_jpeg, fit_width, load_pixels, open_safely

from .drawings import drawing, encoded


@pytest.mark.parametrize("size", [(224, 224), (48, 32), (299, 299), (17, 400)])
def test_shape_dtype_and_range(size):
    values = load_pixels(encoded(drawing()), size)
    assert values.shape == (*size, 3)
    assert values.dtype == np.float32
    assert values.min() >= 0 and values.max() <= 255 and values.max() > 1


def test_bytes_and_paths_give_the_same(tmp_path):
    data = encoded(drawing())
    file = tmp_path / "a.jpg"
    with pytest.raises(FileNotFoundError):
        load_pixels(file, (60, 40))
    file.write_bytes(data)
    for path in (file, str(file)):
        assert np.array_equal(load_pixels(data, (60, 40)), load_pixels(path, (60, 40)))


def test_reduced_decoding_agrees_with_the_full_one():
    original = drawing(size=(2000, 3000))
    fast = load_pixels(encoded(original, quality=95), (224, 224))
    full = np.asarray(original.resize((224, 224), Image.Resampling.BILINEAR), dtype=np.float32)
    mse = float(np.mean((fast - full) ** 2))
    assert 10 * np.log10(255**2 / mse) > 32


def test_bilinear_is_antialiased():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    data = encoded(Image.fromarray(stripes), "PNG")
    assert np.abs(load_pixels(data, (64, 64)) - 127.5).max() < 8


def test_nearest_is_what_keras_load_img_does():
    original = drawing(size=(500, 750))
    data = encoded(original)
    expected = np.asarray(open_safely(data).resize((224, 224), Image.Resampling.NEAREST), dtype=np.float32)
    assert np.array_equal(load_pixels(data, (224, 224), resize="nearest"), expected)


def test_an_unknown_filter_is_refused():
    with pytest.raises(ValueError, match="bilinear"):
        load_pixels(encoded(drawing()), (32, 32), resize="cubic")  # type: ignore[arg-type]


def test_fit_width_shrinks_in_proportion_and_never_enlarges():
    image = drawing(size=(400, 600))
    assert fit_width(image, 200).size == (200, 300)
    assert fit_width(image, 400) is image
    assert fit_width(image, 4000) is image
    assert fit_width(drawing(size=(800, 16)), 10).size == (10, 1)
    with pytest.raises(ValueError, match="width"):
        fit_width(image, 0)


def test_encoded_jpeg_carries_only_pixels():
    exif = Image.Exif()
    exif[0x010E] = "a secret"
    source = encoded(drawing(), exif=exif, comment=b"another secret")
    stored = encode_jpeg(Image.open(io.BytesIO(source)))
    assert b"secret" not in stored
    assert not Image.open(io.BytesIO(stored)).getexif()
    again = open_safely(stored)
    assert np.abs(np.asarray(again).astype(int) - np.asarray(drawing()).astype(int)).mean() < 4


def test_encoding_takes_any_mode():
    for mode in ("L", "RGBA", "CMYK", "P"):
        assert open_safely(encode_jpeg(drawing().convert(mode))).mode == "RGB"


@pytest.mark.real_data
def test_every_real_poster_at_full_size_decodes_alike_by_both_ways(real_data):
    files = sorted((real_data / "posters_full").glob("*.jpg"))
    assert files
    for file in files:
        full = open_safely(file.read_bytes()).resize((224, 224), Image.Resampling.BILINEAR)
        difference = load_pixels(file, (224, 224)) - np.asarray(full, dtype=np.float32)
        psnr = 10 * np.log10(255**2 / max(float(np.mean(difference**2)), 1e-9))
        assert psnr > 34, file.name


@pytest.mark.real_data
def test_real_posters_cut_short_are_refused(real_data):
    for file in sorted((real_data / "posters").glob("*.jpg"))[:40]:
        data = file.read_bytes()
        with pytest.raises(ImageRejected):
            load_pixels(data[: len(data) // 2], (224, 224))
