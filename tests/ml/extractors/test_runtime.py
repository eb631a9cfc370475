"""One vector per image, independent of its batch and of images that cannot be read."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.extractors.runtime import Extractor, ExtractorFailed, load_extractor
from ml.imaging.images import ImageRejected, load_pixels
from tests.ml.imaging.drawings import drawing, encoded

from .made_models import LAYER

# Whoever comes first waits for Keras to make the models, which a busy machine draws out.
pytestmark = pytest.mark.timeout(900)

NEEDS_NOTHING = ["pixels", "histograms"]
ALL = [*NEEDS_NOTHING, pytest.param(f"mobilenet_v2:{LAYER}:avg", marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def extractor(request, tmp_path_factory):
    """The extractor named by the parameter; only a ConvNet waits for the made models."""
    if request.param in NEEDS_NOTHING:
        return load_extractor(request.param, weights_dir=None, cache_dir=tmp_path_factory.getbasetemp())
    made, exports = request.getfixturevalue("made"), request.getfixturevalue("exports")
    return load_extractor(request.param, weights_dir=made, cache_dir=exports)


each = pytest.mark.parametrize("extractor", ALL, indirect=True, scope="module")
pixels_only = pytest.mark.parametrize("extractor", ["pixels"], indirect=True, scope="module")


def batch_for(extractor: Extractor, count: int) -> np.ndarray:
    return np.stack(
        [load_pixels(encoded(drawing(seed)), extractor.spec.size, resize="bilinear") for seed in range(count)]
    )


@each
def test_shape_dtype_and_repeatability(extractor):
    batch = batch_for(extractor, 3)
    vectors = extractor.embed(batch)
    assert np.array_equal(vectors, extractor.embed(batch))
    assert vectors.shape == (3, extractor.dims) and vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert extractor.embed(np.empty((0, *extractor.spec.size, 3))).shape == (0, extractor.dims)


@each
def test_a_vector_does_not_depend_on_its_batch(extractor):
    pool = batch_for(extractor, 6)
    alone = np.concatenate([extractor.embed(image[None]) for image in pool])
    scale = max(1.0, float(np.abs(alone).max()))

    @settings(max_examples=12, deadline=None)
    @given(st.lists(st.integers(0, 5), min_size=1, max_size=19))
    def check(order):
        assert np.abs(extractor.embed(pool[order]) - alone[order]).max() <= 1e-5 * scale

    check()


@each
def test_files_and_arrays_agree(extractor):
    sources = [encoded(drawing(seed)) for seed in range(20)]
    found = list(extractor.embed_files(sources))
    assert [index for index, _ in found] == list(range(20))
    direct = extractor.embed(batch_for(extractor, 20))
    assert np.allclose(np.stack([vector for _, vector in found]), direct, atol=1e-5)
    assert np.allclose(extractor.embed_image(sources[7]), direct[7], atol=1e-5)


@each
def test_threads_may_share_an_extractor(extractor):
    pool = batch_for(extractor, 4)
    expected = extractor.embed(pool)

    def embed_repeatedly(number):
        return [extractor.embed(pool[number : number + 1])[0] for _ in range(5)]

    with ThreadPoolExecutor(4) as threads:
        for vector, found in zip(expected, threads.map(embed_repeatedly, range(4)), strict=True):
            assert np.allclose(found, vector, atol=1e-5)


@each
def test_bad_images_are_reported_and_the_rest_go_on(extractor, tmp_path):
    good = encoded(drawing(1))
    (tmp_path / "good.jpg").write_bytes(good)
    sources = [good, b"", tmp_path / "gone.jpg", tmp_path / "good.jpg", good[: len(good) // 2], good]
    errors: dict[int, Exception] = {}
    found = dict(extractor.embed_files(sources, on_error=errors.__setitem__))
    assert sorted(found) == [0, 3, 5]
    assert {index: type(error) for index, error in errors.items()} == {
        1: ImageRejected,
        2: FileNotFoundError,
        4: ImageRejected,
    }
    assert np.allclose(found[0], found[3], atol=1e-5)


@pixels_only
@settings(max_examples=25, deadline=None)
@given(good=st.lists(st.booleans(), max_size=70))
def test_every_source_is_either_embedded_or_reported_once_in_order(extractor, good):
    data = encoded(drawing(2, (32, 48)))
    errors: list[int] = []
    found = extractor.embed_files(
        (data if fine else b"bad" for fine in good), lambda index, _: errors.append(index)
    )
    assert [index for index, _ in found] == [index for index, fine in enumerate(good) if fine]
    assert errors == [index for index, fine in enumerate(good) if not fine]


@pixels_only
def test_without_a_callback_what_is_left_out_is_logged(extractor, caplog):
    with caplog.at_level(logging.WARNING, "ml.extractors.runtime"):
        assert list(extractor.embed_files([b"bad"])) == []
    assert "Image 0 was left out" in caplog.text


@pixels_only
def test_sources_are_read_only_a_little_ahead(extractor):
    data, taken = encoded(drawing()), []

    def endless():
        while True:
            taken.append(1)
            yield data

    vectors = extractor.embed_files(endless())
    for _ in range(20):
        next(vectors)
    assert len(taken) <= 20 + 32
    before = threading.active_count()
    vectors.close()
    assert threading.active_count() < before


@pixels_only
def test_an_error_of_the_caller_is_not_swallowed(extractor):
    def failing():
        yield encoded(drawing())
        raise KeyError("the caller's own")

    with pytest.raises(KeyError):
        list(extractor.embed_files(failing()))


@pixels_only
def test_one_image_raises_instead_of_logging(extractor, tmp_path):
    with pytest.raises(ImageRejected):
        extractor.embed_image(b"bad")
    with pytest.raises(FileNotFoundError):
        extractor.embed_image(tmp_path / "gone.jpg")


@pixels_only
def test_pictures_of_another_shape_are_refused(extractor):
    for wrong in (np.zeros((1, 5, 5, 3)), np.zeros((48, 32, 3)), np.zeros((1, 48, 32, 1))):
        with pytest.raises(ValueError, match="pixels"):
            extractor.embed(wrong)


def test_a_vector_that_is_not_finite_is_reported_and_costs_only_itself():
    spec = load_extractor("pixels", weights_dir=None, cache_dir=None).spec  # type: ignore[arg-type]

    sources = [encoded(drawing(seed)) for seed in range(3)]
    first = load_pixels(sources[0], spec.size)

    def spoil(images):
        vectors = images.reshape(len(images), -1).astype(np.float32)
        vectors[[np.array_equal(image, first) for image in images]] = np.nan
        return vectors

    errors: dict[int, Exception] = {}
    spoilt = Extractor(spec, "test", 4608, spoil)
    found = dict(spoilt.embed_files(sources, errors.__setitem__))
    assert sorted(found) == [1, 2]
    assert isinstance(errors[0], ExtractorFailed)


def test_pixels_are_the_picture_itself():
    extractor = load_extractor("pixels", weights_dir=None, cache_dir=None)  # type: ignore[arg-type]
    data = encoded(drawing())
    expected = load_pixels(data, (48, 32)).ravel() / 255
    assert np.allclose(extractor.embed_image(data), expected, atol=1e-7)
    assert extractor.dims == 4608
    assert load_extractor("pixels:64x96", weights_dir=None, cache_dir=None).dims == 64 * 96 * 3  # type: ignore[arg-type]
