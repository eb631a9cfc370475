"""An export is made once, checked before each use, and made again when it is damaged."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from ml.extractors.errors import ExtractorFailed
from ml.extractors.export_cache import exported_model
from ml.extractors.registry import parse_spec
from ml.extractors.runtime import load_extractor, resolve_fingerprint

# Whoever comes first waits for Keras to make the models, which a busy machine draws out.
pytestmark = pytest.mark.timeout(900)

SPEC = "tfhub:small_hub"


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
        lambda file, manifest: manifest.write_bytes(
            manifest.read_bytes().replace(b"tfhub-224", b"tfhub-225")
        ),
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


def test_a_failed_export_has_a_reason_and_leaves_no_file(tmp_path):
    with pytest.raises(ExtractorFailed, match="exported: The weights of mobilenet_v2"):
        exported_model(parse_spec("mobilenet_v2"), "a", weights_dir=tmp_path, cache_dir=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.tflite*"))
