"""Head files: a round trip, and refusal of invalid files."""

import hashlib
import io
import json
import os
import zipfile
from dataclasses import fields

import numpy as np
import pytest

from ml.genres.head_file import ModelFileError, load_head, manifest_path, save_head
from tests.ml.genres.heads import make_head, make_weights


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    save_head(make_head(), folder / "head.npz")
    return folder / "head.npz"


def rewrite_manifest(path, **changes):
    manifest = json.loads(manifest_path(path).read_text())
    manifest_path(path).write_text(json.dumps(manifest | changes))


def replace_weights(path, **arrays):
    """Write other arrays and a manifest with their digest, as an attacker with write access could."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.write_bytes(buffer.getvalue())
    rewrite_manifest(path, weights_sha256=hashlib.sha256(buffer.getvalue()).hexdigest())


def arrays_of(head):
    return {field.name: getattr(head.weights, field.name) for field in fields(head.weights)}


def test_a_saved_head_scores_the_same(saved):
    features = np.random.default_rng(0).normal(size=(20, 6))
    head, loaded = make_head(), load_head(saved)
    assert (loaded.scores(features) == head.scores(features)).all()
    assert (loaded.genres, loaded.thresholds) == (head.genres, head.thresholds)
    assert (loaded.extractor, loaded.recipe) == ("made-up-1", "compact")


def test_save_returns_the_digest_that_load_asks_for(tmp_path):
    path = tmp_path / "head.npz"
    digest = save_head(make_head(), path)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_head(path, sha256=digest).recipe == "compact"


def test_saving_the_same_head_twice_gives_the_same_weights_file(tmp_path):
    assert save_head(make_head(), tmp_path / "a.npz") == save_head(make_head(), tmp_path / "b.npz")


def test_nothing_but_the_two_files_is_left(saved):
    assert sorted(os.listdir(saved.parent)) == ["head.json", "head.npz"]


def test_a_failed_save_leaves_only_the_old_head(saved, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    before = saved.read_bytes()
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


@pytest.mark.parametrize("keep", [0, 10, 500])
def test_truncated(saved, keep):
    content = saved.read_bytes()[:keep]
    saved.write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged or replaced"):
        load_head(saved)
    rewrite_manifest(saved, weights_sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelFileError, match="can't be read as arrays"):
        load_head(saved)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_wrong_version(saved, version):
    rewrite_manifest(saved, format_version=version)
    with pytest.raises(ModelFileError, match="format version"):
        load_head(saved)


def test_wrong_dims(saved):
    replace_weights(saved, **arrays_of(make_head(make_weights(7, 5, 3))))
    with pytest.raises(ModelFileError, match=r"shape \(7, 5\).*\(6, 5\) float32"):
        load_head(saved)


def test_wrong_type(saved):
    arrays = arrays_of(make_head())
    replace_weights(saved, **arrays | {"mean": arrays["mean"].astype(np.float64)})
    with pytest.raises(ModelFileError, match="float64"):
        load_head(saved)


def test_a_pickled_payload_is_not_run(saved):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(saved.parent / "sprung"),)

    replace_weights(saved, **arrays_of(make_head()) | {"mean": np.array([Trap()], dtype=object)})
    with pytest.raises(ModelFileError, match="can't be read as arrays"):
        load_head(saved)
    assert not (saved.parent / "sprung").exists()


def test_a_bare_pickle_is_not_run(saved):
    content = b"cos\nsystem\n(S'false'\ntR."
    saved.write_bytes(content)
    rewrite_manifest(saved, weights_sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelFileError, match="can't be read as arrays"):
        load_head(saved)


def test_missing_or_additional_arrays(saved):
    arrays = arrays_of(make_head())
    replace_weights(saved, **arrays | {"extra": np.zeros(1)})
    with pytest.raises(ModelFileError, match="does not hold the arrays"):
        load_head(saved)
    del arrays["scale"]
    replace_weights(saved, **arrays)
    with pytest.raises(ModelFileError, match="does not hold the arrays"):
        load_head(saved)


def test_a_zip_bomb_is_refused_before_it_unpacks(saved):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in arrays_of(make_head()):
            archive.writestr(f"{name}.npy", b"\0" * 20_000_000)
    saved.write_bytes(buffer.getvalue())
    rewrite_manifest(saved, weights_sha256=hashlib.sha256(buffer.getvalue()).hexdigest())
    with pytest.raises(ModelFileError, match=r"larger than it can be|unpacks to more"):
        load_head(saved)


def test_weights_that_are_not_finite(saved):
    arrays = arrays_of(make_head())
    replace_weights(saved, **arrays | {"mean": np.full(6, np.nan, dtype=np.float32)})
    with pytest.raises(ModelFileError, match="not finite"):
        load_head(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": {"kind": "transformer"}}, "kind 'transformer'"),
        ({"architecture": {"kind": "dense-relu-dense-sigmoid", "features": -1}}, "impossible dimensions"),
        ({"architecture": None}, "no usable 'architecture'"),
        ({"genres": ["Drama"]}, "is not valid"),
        ({"genres": ["Drama", "Drama", "Comedy"]}, "is not valid"),
        ({"genres": [1, 2, 3]}, "not text"),
        ({"thresholds": ["a", "b", "c"]}, "not numbers"),
        ({"thresholds": [0.5]}, "is not valid"),
        ({"extractor": None}, "no usable 'extractor'"),
    ],
)
def test_a_manifest_that_is_not_valid(saved, changes, message):
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
