"""Head files: a round trip, and refusal of invalid files."""

import hashlib
import io
import json
import os
import pickle
import zipfile
from dataclasses import fields, replace

import numpy as np
import pytest

from ml.genres.head_file import ModelFileError, load_head, manifest_path, save_head
from ml.genres.thresholds import NEVER
from tests.ml.genres.heads import make_head, make_linear, make_weights

LINEAR = make_linear(sure_thresholds=(0.8, NEVER, 0.7), no_evidence=("Comedy",))


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    save_head(make_head(), folder / "head.npz")
    return folder / "head.npz"


def rewrite_manifest(path, **changes):
    manifest = json.loads(manifest_path(path).read_text())
    manifest_path(path).write_text(json.dumps(manifest | changes))


def replace_file(path, content):
    """Write other weights and a manifest with their digest, as an attacker with write access could."""
    path.write_bytes(content)
    rewrite_manifest(path, weights_sha256=hashlib.sha256(content).hexdigest())


def archive_of(arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def arrays_of(head):
    return {field.name: getattr(head.weights, field.name) for field in fields(head.weights)}


@pytest.mark.parametrize("head", [make_head(), LINEAR], ids=["dense", "linear"])
def test_a_saved_head_is_read_back_and_its_digest_depends_on_its_weights_only(tmp_path, head):
    path = tmp_path / "head.npz"
    digest = save_head(head, path)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest() == save_head(head, tmp_path / "again.npz")
    loaded = load_head(path, sha256=digest)
    features = np.random.default_rng(0).normal(size=(20, 6))
    assert (loaded.scores(features) == head.scores(features)).all()
    assert replace(loaded, weights=head.weights) == head


def test_the_manifest_of_a_linear_head_has_both_operating_points(saved):
    save_head(LINEAR, saved)
    manifest = json.loads(manifest_path(saved).read_text())
    assert manifest["architecture"] == {"kind": "linear-sigmoid", "features": 6, "genres": 3}
    assert manifest["sure_thresholds"] == [0.8, None, 0.7]
    assert manifest["no_evidence"] == ["Comedy"]


def test_a_failed_save_leaves_only_the_old_head(saved, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    before = saved.read_bytes()
    assert sorted(os.listdir(saved.parent)) == ["head.json", "head.npz"]
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_head(make_head(make_weights(seed=9)), saved)
    assert saved.read_bytes() == before
    assert sorted(os.listdir(saved.parent)) == ["head.json", "head.npz"]


def test_another_file_than_the_database_recorded(saved):
    with pytest.raises(ModelFileError, match="the file was replaced"):
        load_head(saved, sha256="0" * 64)


@pytest.mark.parametrize("position", [100, -30])
def test_tampered(saved, position):
    content = bytearray(saved.read_bytes())
    content[position] ^= 1
    saved.write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged or replaced"):
        load_head(saved)


@pytest.mark.parametrize("length", [0, 10, 500])
def test_truncated(saved, length):
    content = saved.read_bytes()[:length]
    saved.write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged or replaced"):
        load_head(saved)
    replace_file(saved, content)
    with pytest.raises(ModelFileError, match="can't be read as arrays"):
        load_head(saved)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_wrong_version(saved, version):
    rewrite_manifest(saved, format_version=version)
    with pytest.raises(ModelFileError, match="format version"):
        load_head(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (arrays_of(make_head(make_weights(7, 5, 3))), r"shape \(7, 5\).*\(6, 5\) float32"),
        ({"mean": np.zeros(6)}, "float64"),
        ({"mean": np.full(6, np.nan, dtype=np.float32)}, "not finite"),
        ({"extra": np.zeros(1)}, "does not hold the arrays"),
        ({"scale": None}, "does not hold the arrays"),
    ],
)
def test_arrays_that_are_not_those_of_the_manifest(saved, changes, message):
    arrays = arrays_of(make_head()) | changes
    replace_file(saved, archive_of({name: array for name, array in arrays.items() if array is not None}))
    with pytest.raises(ModelFileError, match=message):
        load_head(saved)


@pytest.mark.parametrize("bare", [False, True])
def test_a_pickle_is_not_run(saved, bare):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(saved.parent / "sprung"),)

    arrays = arrays_of(make_head()) | {"mean": np.array([Trap()], dtype=object)}
    replace_file(saved, pickle.dumps(Trap()) if bare else archive_of(arrays))
    with pytest.raises(ModelFileError, match="can't be read as arrays"):
        load_head(saved)
    assert not (saved.parent / "sprung").exists()


def test_a_zip_bomb_is_refused_before_it_unpacks(saved):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in arrays_of(make_head()):
            archive.writestr(f"{name}.npy", b"\0" * 20_000_000)
    replace_file(saved, buffer.getvalue())
    with pytest.raises(ModelFileError, match=r"larger than it can be|unpacks to more"):
        load_head(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": {"kind": "transformer"}}, "kind 'transformer'"),
        ({"architecture": {"kind": ["linear-sigmoid"]}}, "of kind"),
        ({"architecture": {"kind": "linear-sigmoid", "features": -1, "genres": 3}}, "impossible dimensions"),
        ({"architecture": {"kind": "linear-sigmoid", "features": 6}}, "impossible dimensions"),
        ({"architecture": {"kind": "linear-sigmoid", "features": 10**6, "genres": 10**6}}, "too large"),
        ({"architecture": {"kind": "linear-sigmoid", "features": 5, "genres": 3}}, r"\(5, 3\) float32"),
        (
            {"architecture": {"kind": "dense-relu-dense-sigmoid", "features": 6, "hidden": 4, "genres": 3}},
            "does not hold the arrays",
        ),
        ({"architecture": None}, "no usable 'architecture'"),
        ({"genres": ["Drama"]}, "is not valid"),
        ({"genres": ["Drama", "Drama", "Comedy"]}, "is not valid"),
        ({"genres": [1, 2, 3]}, "not text"),
        ({"thresholds": ["a", "b", "c"]}, "not numbers"),
        ({"thresholds": [0.5]}, "is not valid"),
        ({"extractor": None}, "no usable 'extractor'"),
        ({"sure_thresholds": 0.8}, "sure_thresholds that are not numbers or null"),
        ({"sure_thresholds": [0.8, "high", 0.7]}, "sure_thresholds that are not numbers or null"),
        ({"sure_thresholds": [0.8]}, "must be 3 finite numbers"),
        ({"sure_thresholds": [0.8, 0.8, float("nan")]}, "must be 3 finite numbers"),
        ({"sure_thresholds": [0.8, 0.8, 10**400]}, "is not valid"),
        ({"no_evidence": "Comedy"}, "no_evidence that is not a list"),
        ({"no_evidence": ["Opera"]}, "no_evidence names 'Opera'"),
    ],
)
def test_a_manifest_that_is_not_valid(saved, changes, message):
    save_head(LINEAR, saved)
    rewrite_manifest(saved, **changes)
    with pytest.raises(ModelFileError, match=message):
        load_head(saved)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_manifest_that_is_no_json_object(saved, content):
    manifest_path(saved).write_bytes(content)
    with pytest.raises(ModelFileError, match="JSON"):
        load_head(saved)


def test_missing_files_are_named(saved):
    saved.unlink()
    with pytest.raises(ModelFileError, match=r"head\.npz is missing"):
        load_head(saved)
    manifest_path(saved).unlink()
    with pytest.raises(ModelFileError, match=r"head\.json is missing"):
        load_head(saved)


def test_a_head_is_saved_as_npz_only(tmp_path):
    with pytest.raises(ValueError, match=r"\.npz"):
        save_head(make_head(), tmp_path / "head.json")
    assert not (tmp_path / "head.json").exists()
