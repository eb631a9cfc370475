"""A backbone and its LiteRT file agree, a damaged export is made again, unusable files are refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from ml.extractors.errors import ExtractorFailed
from ml.extractors.export import ExportFailed, export_extractor
from ml.extractors.export_cache import exported_model
from ml.extractors.registry import parse_spec
from ml.extractors.runtime import load_extractor, resolve_fingerprint

from .made_models import LAYER

# Whoever comes first waits for Keras to make the models, which a busy machine draws out.
pytestmark = pytest.mark.timeout(900)

SPEC = "tfhub:small_hub"


@pytest.mark.parametrize(
    ("spec", "name", "dims"), [(f"mobilenet_v2:{LAYER}:avg", "mobilenet", 24), (SPEC, "hub", 12)]
)
def test_the_exported_model_agrees_with_keras(spec, name, dims, made, exports):
    extractor = load_extractor(spec, weights_dir=made, cache_dir=exports)
    reference = np.load(made / "reference.npz")
    expected = reference[name]
    found = extractor.embed(reference["pictures"])
    assert found.shape == expected.shape == (11, dims) and extractor.dims == dims
    assert expected.std(axis=0).mean() > 1e-3
    # Single precision has seven digits, so what is allowed grows with activations above 1.
    assert np.abs(found - expected).max() <= 1e-4 * max(1, np.abs(expected).max())


def test_a_manifest_tells_what_was_exported(made, exports):
    extractor = load_extractor(SPEC, weights_dir=made, cache_dir=exports)
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
        ("truncated", "WeightsUnavailable", ["damaged", "_1.0_224", "fetch_weights mobilenet_v2"]),
        ("not_weights", "WeightsUnavailable", ["damaged", "fetch_weights"]),
        ("another_model", "WeightsUnavailable", ["holds no weights of mobilenet_v2"]),
        ("not_finite", "WeightsUnavailable", ["not finite"]),
        ("wrong_shapes", "WeightsUnavailable", ["inception_v3", "(2, 2)"]),
        ("above_the_weights", "WeightsUnavailable", ["reaches only up to mixed8", "conv2d_93"]),
        ("no_such_layer", "UnknownExtractor", ["no layer 'mixed8'", "block_2_add"]),
        ("reads_files", "WeightsUnavailable", ["refused", "ReadFile"]),
        ("another_size", "WeightsUnavailable", ["224 × 224"]),
        ("broken_hub", "WeightsUnavailable", ["not a whole SavedModel"]),
    ],
)
def test_an_unfit_file_is_refused_and_leaves_nothing(case, error, words, made):
    refusals = json.loads((made / "refusals.json").read_text())
    assert refusals[case].startswith(f"{error}: ")
    for word in words:
        assert word in refusals[case]
    assert refusals[f"{case} left"] == ""


@pytest.mark.parametrize("spec", ["pixels", "postersite", "postersite:mine.tflite"])
def test_what_runs_as_it_is_has_nothing_to_export(spec, tmp_path):
    with pytest.raises(ExportFailed, match=f"{spec} needs no export"):
        export_extractor(spec, None, tmp_path / "out.tflite")
    assert not (tmp_path / "out.tflite").exists()


@pytest.fixture
def copied(exports, tmp_path):
    """A cache of its own that holds a sound export."""
    return shutil.copytree(exports, tmp_path / "cache")


@pytest.fixture
def no_export(monkeypatch):
    """Any process that starts Python fails, so a new export shows."""
    monkeypatch.setattr("sys.executable", "/bin/false")


def test_a_sound_export_is_used_as_it_is(copied, made, no_export):
    extractor = load_extractor(SPEC, weights_dir=made, cache_dir=copied)
    assert extractor.fingerprint == resolve_fingerprint(SPEC, made)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file, manifest: file.write_bytes(file.read_bytes()[:-100]),
        lambda file, manifest: file.write_bytes(b"\0" + file.read_bytes()[1:]),
        lambda file, manifest: file.unlink(),
        lambda file, manifest: manifest.unlink(),
        lambda file, manifest: manifest.write_bytes(b""),
        lambda file, manifest: manifest.write_bytes(b"[1, 2]"),
        lambda file, manifest: manifest.write_text(manifest.read_text().replace("tfhub-224", "tfhub-225")),
        lambda file, manifest: manifest.write_bytes(b"\xff\xfe"),
    ],
)
def test_a_damaged_export_is_never_used(copied, made, no_export, damage):
    fingerprint = resolve_fingerprint(SPEC, made)
    damage(copied / f"{fingerprint}.tflite", copied / f"{fingerprint}.tflite.json")
    with pytest.raises(ExtractorFailed, match="could not be exported"):
        load_extractor(SPEC, weights_dir=made, cache_dir=copied)


def test_two_at_once_replace_a_damaged_export_by_one_new_export(exports):
    race = np.load(exports / "race.npz")
    assert race["started"] == 1
    first, second = race["vectors"]
    assert first.shape == (1, 12) and (first == second).all()


@pytest.mark.slow
def test_a_failed_export_has_a_reason_and_leaves_no_file(tmp_path):
    with pytest.raises(ExtractorFailed, match="exported: The weights of mobilenet_v2"):
        exported_model(parse_spec("mobilenet_v2"), "a", weights_dir=tmp_path, cache_dir=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.tflite*"))
