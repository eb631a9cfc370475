"""A backbone and its LiteRT file agree; unusable files are refused and leave nothing behind."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ml.extractors.export import ExportFailed, export_extractor
from ml.extractors.runtime import load_extractor

from .made_models import LAYER

# Whoever comes first waits for Keras to make the models, which a busy machine draws out.
pytestmark = pytest.mark.timeout(900)

SPECS = {f"mobilenet_v2:{LAYER}:avg": ("mobilenet", 32), "tfhub:small_hub": ("hub", 12)}


@pytest.fixture(scope="module")
def refusals(made):
    return json.loads((made / "refusals.json").read_text())


@pytest.mark.parametrize("spec", SPECS)
def test_the_exported_model_agrees_with_keras(spec, made, exports):
    extractor = load_extractor(spec, weights_dir=made, cache_dir=exports)
    reference = np.load(made / "reference.npz")
    name, dims = SPECS[spec]
    expected = reference[name]
    found = extractor.embed(reference["pictures"])
    assert found.shape == expected.shape == (11, dims) and extractor.dims == dims
    assert expected.std(axis=0).mean() > 1e-3
    # Single precision has seven digits, so what is allowed grows with activations above 1.
    assert np.abs(found - expected).max() <= 1e-4 * max(1, np.abs(expected).max())


def test_a_manifest_tells_what_was_exported(made, exports):
    extractor = load_extractor("tfhub:small_hub", weights_dir=made, cache_dir=exports)
    (file,) = exports.glob("tfhub*.json")
    manifest = json.loads(file.read_text())
    assert manifest["fingerprint"] == extractor.fingerprint
    assert file.name == f"{extractor.fingerprint}.tflite.json"
    assert manifest["dims"] == 12 and manifest["input"] == [224, 224, 3]
    assert manifest["agreement"]["max_abs_difference"] <= 1e-4
    assert not list(exports.glob("*.tmp")) and not list(exports.glob(".*.tflite*[0-9]"))


@pytest.mark.parametrize(
    ("case", "error", "words"),
    [
        (
            "truncated",
            "WeightsUnavailable",
            ["damaged", "_1.0_224", "manage.py fetch_weights mobilenet_v2"],
        ),
        ("not_weights", "WeightsUnavailable", ["damaged", "fetch_weights"]),
        ("another_model", "WeightsUnavailable", ["holds no weights of mobilenet_v2"]),
        ("not_finite", "WeightsUnavailable", ["not finite"]),
        ("wrong_shapes", "WeightsUnavailable", ["inception_v3", "(2, 2)"]),
        ("above_the_weights", "WeightsUnavailable", ["reaches only up to mixed8", "conv2d_93"]),
        ("no_such_layer", "UnknownExtractor", ["no layer 'mixed8'", "block_4_add"]),
        ("reads_files", "WeightsUnavailable", ["refused", "ReadFile"]),
        ("another_size", "WeightsUnavailable", ["224 × 224"]),
        ("broken_hub", "WeightsUnavailable", ["not a whole SavedModel"]),
    ],
)
def test_an_unfit_file_is_refused_and_leaves_nothing(case, error, words, refusals):
    assert refusals[case].startswith(f"{error}: ")
    for word in words:
        assert word in refusals[case]
    assert refusals[f"{case} left"] == ""


@pytest.mark.parametrize("spec", ["pixels", "postersite", "postersite:mine.tflite"])
def test_what_runs_as_it_is_has_nothing_to_export(spec, tmp_path):
    with pytest.raises(ExportFailed, match=f"{spec} needs no export"):
        export_extractor(spec, None, tmp_path / "out.tflite")
    assert not (tmp_path / "out.tflite").exists()
