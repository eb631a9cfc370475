"""`postersite`, bundled and custom: vectors with maps, fingerprints by content, refusal of invalid files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import interpreter
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import bundled
from ml.extractors.litert import LiteRTModel
from ml.extractors.registry import parse_spec
from ml.extractors.runtime import Extractor, ExtractorFailed, NoMap, load_extractor, resolve_fingerprint
from ml.extractors.weights import WeightsUnavailable, find_weights
from ml.files import file_sha256
from ml.imaging.images import load_pixels
from tests.ml.imaging.drawings import drawing, encoded

from .made_trained import DIMS

# Whoever comes first waits for TensorFlow, which a busy machine draws out.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def trained(made: Path) -> Path:
    """The folder of small trained extractors, fit and unfit."""
    return made / "trained"


@pytest.fixture(scope="session")
def posters() -> np.ndarray:
    """Pictures (6, 288, 192, 3) of six drawings, as the runtime decodes them."""
    return np.stack([load_pixels(encoded(drawing(seed)), (288, 192)) for seed in range(6)])


def load(spec: str, weights: Path | None = None) -> Extractor:
    # Nothing is exported: a folder that cannot be made must not matter.
    return load_extractor(spec, weights_dir=weights, cache_dir=Path("/dev/null/exports"))


@pytest.fixture(scope="module", params=["ours", pytest.param("own", marks=pytest.mark.slow)])
def extractor(request: pytest.FixtureRequest) -> Extractor:
    """`postersite` as it comes along, and one that a site trained."""
    if request.param == "ours":
        return load("postersite")
    return load(f"postersite:{request.getfixturevalue('trained') / 'fit.tflite'}")


def test_a_map_comes_with_the_vector_and_averages_to_it(extractor, posters):
    vectors, maps = extractor.embed_with_map(posters)
    assert extractor.has_map
    assert vectors.shape == (6, extractor.dims) and maps.shape == (6, 9, 6, extractor.dims)
    assert vectors.dtype == maps.dtype == np.float32
    assert np.array_equal(vectors, extractor.embed(posters))
    assert np.abs(maps.mean(axis=(1, 2)) - vectors).max() <= 1e-4 * max(1.0, np.abs(vectors).max())
    assert np.linalg.matrix_rank(vectors - vectors.mean(axis=0)) == 5


@pytest.mark.slow
def test_neither_vector_nor_map_depends_on_the_batch(extractor, posters):
    alone = [extractor.embed_with_map(poster[None]) for poster in posters]
    expected = [np.concatenate(each) for each in zip(*alone, strict=True)]

    @settings(max_examples=8, deadline=None)
    @given(st.lists(st.integers(0, 5), min_size=1, max_size=9))
    def check(order):
        for found, one in zip(extractor.embed_with_map(posters[order]), expected, strict=True):
            assert np.abs(found - one[order]).max() <= 1e-5 * max(1.0, np.abs(one).max())

    check()


def test_a_file_is_embedded_as_any_extractor_does(extractor, posters):
    sources = [encoded(drawing(seed)) for seed in range(6)]
    found = np.stack([vector for _, vector in extractor.embed_files(sources)])
    assert np.allclose(found, extractor.embed(posters), atol=1e-5)


@pytest.mark.slow
def test_one_image_after_the_other_needs_one_interpreter_and_several_at_once_change_nothing(
    posters, monkeypatch
):
    opened = []

    class Counted(interpreter.Interpreter):
        def __init__(self, **options):
            opened.append(options["num_threads"])
            super().__init__(**options)

    monkeypatch.setattr(interpreter, "Interpreter", Counted)
    model = LiteRTModel(bundled.EXTRACTOR, threads=2)
    alone = np.concatenate([model(poster[None]) for poster in posters])
    assert opened == [1]
    assert np.array_equal(model(posters), alone)
    assert opened in ([1], [1, 1])
    assert LiteRTModel(bundled.EXTRACTOR, threads=16).at_once == 4 and opened[-1] == 4


def test_pictures_of_another_shape_or_none_are_refused(extractor):
    with pytest.raises(ValueError, match=r"needs images of shape \(288, 192, 3\)"):
        extractor.embed_with_map(np.zeros((1, 32, 32, 3)))
    with pytest.raises(ValueError, match="no image"):
        extractor.embed_with_map(np.zeros((0, 288, 192, 3)))


def test_an_extractor_without_a_map_refuses_to_compute_one():
    plain = load("pixels")
    assert not plain.has_map
    with pytest.raises(NoMap, match="pixels has no map"):
        plain.embed_with_map(np.zeros((1, 48, 32, 3)))


def test_the_bundled_extractor_is_small_and_needs_no_weights():
    found = find_weights("postersite", None)
    assert found is not None and found.path == bundled.EXTRACTOR
    assert found.digest == file_sha256(bundled.EXTRACTOR)
    assert bundled.EXTRACTOR.stat().st_size < 12_000_000
    assert load("postersite").dims <= 256
    assert not parse_spec("postersite").needs_weights


def test_extractors_of_earlier_versions_are_named_by_their_digests_and_can_be_loaded():
    current = load("postersite")
    for file in bundled.PREVIOUS.glob("*"):
        assert file.name == f"postersite-{file_sha256(file)[:12]}.tflite"
        assert load(f"postersite:{file.name}").fingerprint != current.fingerprint


def test_the_extractor_of_an_earlier_version_is_found_by_the_name_of_its_file(monkeypatch, tmp_path):
    monkeypatch.setattr(bundled, "PREVIOUS", tmp_path)
    # Bytes after its end change the digest of a model, not its vectors.
    (tmp_path / "earlier.tflite").write_bytes(bundled.EXTRACTOR.read_bytes() + b"earlier")
    earlier = load("postersite:earlier.tflite")
    assert earlier.fingerprint != load("postersite").fingerprint
    assert earlier.dims == 256


def test_another_file_is_another_extractor_and_a_copy_is_the_same(trained, tmp_path):
    copied = Path(shutil.copy(trained / "fit.tflite", tmp_path / "copy.tflite"))
    fit, retrained, copy = (
        resolve_fingerprint(f"postersite:{file}", None)
        for file in (trained / "fit.tflite", trained / "retrained.tflite", copied)
    )
    assert fit == copy != retrained
    assert load(f"postersite:{copied}").fingerprint == fit
    assert len({fit, retrained, resolve_fingerprint("postersite", None)}) == 3
    shutil.copy(trained / "retrained.tflite", copied)
    os.utime(copied, ns=(5, 5))
    assert resolve_fingerprint(f"postersite:{copied}", None) == retrained


def test_a_trained_file_is_found_in_the_weights_folder_too(trained):
    found = load("postersite:fit.tflite", trained)
    assert (found.dims, found.name) == (DIMS, "postersite:fit.tflite")
    with pytest.raises(WeightsUnavailable, match=r"no trained extractor fit\.tflite.*train_extractor"):
        load("postersite:fit.tflite")


def test_a_missing_bundled_file_is_refused_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(bundled, "EXTRACTOR", tmp_path / "postersite.tflite")
    with pytest.raises(WeightsUnavailable, match=r"postersite\.tflite.*is missing: install it again"):
        load("postersite")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("vector_only", "no map"),
        ("map_only", "no map"),
        ("two_vectors", "not a vector and a map"),
        ("three_outputs", "one input and one or two outputs"),
        ("not_the_mean", "differ by 0.5 from the mean of its maps"),
        ("small_pictures", r"its input has shape \(144, 96, 3\)"),
        ("too_wide", r"vectors of shape \(1025,\)"),
        ("two_at_once", "fixed batch size"),
        ("not_finite", "not finite"),
    ],
)
def test_an_invalid_file_is_refused_with_the_reason(trained, name, why):
    with pytest.raises(ExtractorFailed, match=why) as caught:
        load(f"postersite:{trained / name}.tflite")
    assert f"{name}.tflite is not a trained extractor" in str(caught.value)
    assert "train_extractor" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"version https://git-lfs.github.com/spec/v1\n", b"TFL3" * 4, b"\x1c\0\0\0TFL3" + b"\xff" * 5000],
)
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "bad.tflite").write_bytes(content)
    with pytest.raises(ExtractorFailed, match=r"bad\.tflite is not a trained extractor"):
        load(f"postersite:{tmp_path / 'bad.tflite'}")


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 0.999))
def test_a_file_cut_short_anywhere_is_refused(trained, tmp_path_factory, share):
    whole = (trained / "fit.tflite").read_bytes()
    cut = tmp_path_factory.mktemp("cut") / "cut.tflite"
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ExtractorFailed, match=r"cut\.tflite is not a trained extractor"):
        load(f"postersite:{cut}")


def test_a_file_that_is_too_large_is_not_even_opened(tmp_path):
    with (tmp_path / "huge.tflite").open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(ExtractorFailed, match="larger than 64 MiB"):
        load(f"postersite:{tmp_path / 'huge.tflite'}")
