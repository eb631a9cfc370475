"""With real weights and real posters, the runtime gives the vectors that Keras and TF-Hub give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.extractors.runtime import available_extractors, load_extractor
from ml.search.neighbours import ExactIndex
from ml.subprocess import run_in_subprocess

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(900)]

POSTERS = 24


@pytest.fixture(scope="module")
def files(real_data: Path) -> list[Path]:
    return sorted((real_data / "posters").glob("*.jpg"))[100 :: 10_000 // POSTERS][:POSTERS]


@pytest.fixture(scope="module")
def keras(real_data: Path, files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("keras")
    run_in_subprocess(
        "tests.ml.extractors.keras_reference", [str(real_data / "weights"), str(out), *map(str, files)]
    )
    return out


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real_exports")


def vectors_of(spec, weights, cache, files):
    extractor = load_extractor(spec, weights_dir=weights, cache_dir=cache)
    return np.stack([vector for _, vector in extractor.embed_files(files)])


@pytest.mark.parametrize("spec", ["mobilenet_v2", "inception_v3:mixed8:avg"])
def test_vectors_agree_with_keras(spec, real_data, files, keras, cache):
    expected = np.load(keras / "keras.npz")[spec]
    found = vectors_of(spec, real_data / "weights", cache, files)
    assert found.shape == (POSTERS, 1280)
    # Relative to the largest activation where that exceeds 1, as in the export's own check.
    assert np.abs(found - expected).max() <= 1e-4 * max(1, np.abs(expected).max())
    ours, theirs = (ExactIndex(vectors).query(vectors, 6)[1] for vectors in (found, expected))
    assert np.array_equal(ours, theirs)


def test_a_hub_folder_agrees_with_the_keras_path(real_data, files, keras, cache):
    ours = vectors_of("mobilenet_v2", real_data / "weights", cache, files)
    hub = vectors_of("tfhub:mobilenet_hub", keras, cache, files)
    assert np.abs(ours - hub).max() <= 1e-4 * max(1, np.abs(ours).max())


def test_inception_without_a_layer_takes_the_highest_its_weights_reach(real_data, cache):
    assert available_extractors(real_data / "weights")[3:] == ["mobilenet_v2", "inception_v3"]
    extractor = load_extractor("inception_v3", weights_dir=real_data / "weights", cache_dir=cache)
    assert extractor.name == "inception_v3:mixed8:avg" and extractor.dims == 1280
