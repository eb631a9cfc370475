"""SHA-256, and perceptual hashes that hardly change when a site re-encodes a poster."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.imaging.images import hash_distance, load_pixels, open_safely, perceptual_hash, sha256_hex

from .drawings import drawing, encoded

hashes = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")


def reopened(image: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, quality=quality)))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    change=st.one_of(
        st.tuples(st.just("resize"), st.integers(30, 300)),
        st.tuples(st.just("jpeg"), st.integers(30, 95)),
        st.tuples(st.just("grey"), st.just(0)),
    ),
)
def test_resize_compression_and_grey_stay_within_six_bits(seed, change):
    image = drawing(seed)
    how, amount = change
    if how == "resize":
        altered = image.resize((image.width * amount // 100, image.height * amount // 100))
    else:
        altered = reopened(image, amount) if how == "jpeg" else image.convert("L")
    assert hash_distance(perceptual_hash(image), perceptual_hash(altered)) <= 6


def test_different_pictures_are_far_apart():
    found = [perceptual_hash(drawing(seed)) for seed in range(60)]
    distances = [hash_distance(a, b) for i, a in enumerate(found) for b in found[:i]]
    assert min(distances) > 6
    assert 24 < np.mean(distances) < 40


def test_it_is_sixteen_hexadecimal_characters_with_balanced_bits():
    text = perceptual_hash(drawing())
    assert len(text) == 16 and int(text, 16).bit_count() == 32


def test_a_blank_picture_has_a_stable_hash():
    blanks = [Image.new("RGB", size, grey) for size in ((32, 32), (313, 97)) for grey in ("white", "#777")]
    assert len({perceptual_hash(blank) for blank in blanks}) == 1


def test_agreement_with_a_cosine_transform_written_out():
    grey = np.asarray(drawing(3).convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=float)
    n = np.arange(32)
    basis = np.cos(np.pi * np.outer(np.arange(8), 2 * n + 1) / 64) * np.sqrt(2 / 32)
    basis[0] /= np.sqrt(2)
    low = (basis @ grey @ basis.T).ravel()
    bits = "".join("1" if value > np.median(low) else "0" for value in low)
    assert perceptual_hash(drawing(3)) == f"{int(bits, 2):016x}"


@given(hashes, hashes, hashes)
def test_distance_is_a_metric(a, b, c):
    assert hash_distance(a, a) == 0
    assert hash_distance(a, b) == hash_distance(b, a)
    assert (hash_distance(a, b) == 0) == (a == b)
    assert hash_distance(a, c) <= hash_distance(a, b) + hash_distance(b, c)


@pytest.mark.parametrize("wrong", ["", "abc", "z" * 16, "0" * 17])
def test_what_is_not_a_hash_is_refused(wrong):
    with pytest.raises(ValueError):
        hash_distance(wrong, "0" * 16)


def test_sha256_is_the_standard_one():
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_hex(b"x" * 99) == hashlib.sha256(b"x" * 99).hexdigest()


@pytest.mark.real_data
def test_real_posters_match_their_own_copies(real_data):
    for file in sorted((real_data / "posters").glob("*.jpg"))[:150]:
        image = open_safely(file.read_bytes())
        own = perceptual_hash(image)
        half = image.resize((image.width // 2, image.height // 2), Image.Resampling.BILINEAR)
        for copy in (half, reopened(image, 50), image.convert("L")):
            assert hash_distance(own, perceptual_hash(copy)) <= 6, file.name
        assert load_pixels(file, (48, 32)).shape == (48, 32, 3)
