"""Weights are found in all folders and identified by content; missing ones are reported."""

from __future__ import annotations

import hashlib
import os
import pickle
from zipfile import BadZipFile

import numpy as np
import pytest

from ml.extractors.export import read_arrays
from ml.extractors.registry import UnknownExtractor, parse_spec
from ml.extractors.runtime import available_extractors, load_extractor, resolve_fingerprint
from ml.extractors.weights import (
    WeightsUnavailable,
    fetch_weights,
    find_weights,
    require_weights,
    resolve_spec,
)

# Whoever comes first waits for Keras to make the models, which a busy machine draws out.
pytestmark = pytest.mark.timeout(900)

MOBILENET = "mobilenet_v2_1.0_224_imagenet.weights.h5"
KERAS_MOBILENET = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
INCEPTION = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
TO_MIXED8 = "inception_v3_20151205_to_mixed8_fp16.npz"


@pytest.fixture(autouse=True)
def no_downloads_of_before(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def put(folder, name, content=b"content"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_a_file_is_found_by_either_name(folder):
    put(folder, KERAS_MOBILENET)
    found = require_weights("mobilenet_v2", folder)
    assert (found.path.name, found.kind) == (KERAS_MOBILENET, "no_top")
    put(folder, MOBILENET)
    found = require_weights("mobilenet_v2", folder)
    assert (found.path.name, found.kind) == (MOBILENET, "with_top")


def test_what_keras_has_downloaded_is_found_too_but_after_the_folder(folder, tmp_path):
    put(tmp_path / "keras" / "models", KERAS_MOBILENET)
    assert require_weights("mobilenet_v2", None).path.parent.name == "models"
    put(folder, KERAS_MOBILENET)
    assert require_weights("mobilenet_v2", folder).path.parent == folder


@pytest.mark.parametrize(
    ("spec", "layer"),
    [("inception_v3", "mixed8"), ("inception_v3:mixed5:avg", "mixed5"), ("inception_v3:mixed8", "mixed8")],
)
def test_weights_that_stop_at_a_layer_serve_what_lies_below(spec, layer, folder):
    put(folder, TO_MIXED8)
    found = require_weights(spec, folder)
    assert found.reaches == "mixed8"
    assert resolve_spec(parse_spec(spec), found).layer == layer


@pytest.mark.parametrize("spec", ["inception_v3:mixed9", "inception_v3:mixed10", "inception_v3:top"])
def test_weights_that_stop_below_a_layer_are_passed_over(spec, folder):
    put(folder, TO_MIXED8)
    assert find_weights(spec, folder) is None
    with pytest.raises(WeightsUnavailable) as caught:
        require_weights(spec, folder)
    assert INCEPTION in str(caught.value) and TO_MIXED8 not in str(caught.value)
    put(folder, INCEPTION)
    assert require_weights(spec, folder).path.name == INCEPTION
    found = require_weights("inception_v3", folder)
    assert resolve_spec(parse_spec("inception_v3"), found).layer == "mixed10"


def test_missing_weights_are_refused_with_file_folder_and_command(folder):
    with pytest.raises(WeightsUnavailable) as caught:
        load_extractor("mobilenet_v2", weights_dir=folder, cache_dir=folder)
    text = str(caught.value)
    assert MOBILENET in text and str(folder) in text and "manage.py fetch_weights mobilenet_v2" in text
    assert "\n" not in text and text.endswith(".")
    with pytest.raises(WeightsUnavailable, match="POSTERSITE_WEIGHTS"):
        resolve_fingerprint("mobilenet_v2", None)
    with pytest.raises(WeightsUnavailable, match=r"fetch_weights tfhub:https://example\.org/m/1"):
        resolve_fingerprint("tfhub:https://example.org/m/1", folder)


def test_only_what_is_at_hand_is_available(folder):
    comes_along = ["pixels", "histograms", "postersite"]
    assert available_extractors(None) == comes_along
    put(folder, TO_MIXED8)
    assert available_extractors(folder) == [*comes_along, "inception_v3"]
    put(folder, MOBILENET)
    assert available_extractors(folder) == [*comes_along, "mobilenet_v2", "inception_v3"]
    assert find_weights("pixels", folder) is None


def test_the_digest_is_of_the_content_and_follows_it(folder):
    file = put(folder, MOBILENET, b"one")
    weights = require_weights("mobilenet_v2", folder)
    assert weights.digest == hashlib.sha256(b"one").hexdigest()
    before = resolve_fingerprint("mobilenet_v2", folder)
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert weights.digest == hashlib.sha256(b"two").hexdigest()
    assert resolve_fingerprint("mobilenet_v2", folder) != before
    file.write_bytes(b"one")
    os.utime(file, ns=(2, 2))
    assert resolve_fingerprint("mobilenet_v2", folder) == before


def test_a_hub_folder_is_found_by_path_or_by_name_and_known_by_all_its_files(folder):
    put(folder / "mine", "saved_model.pb")
    put(folder / "mine" / "variables", "variables.index", b"a")
    one = resolve_fingerprint("tfhub:mine", folder)
    assert resolve_fingerprint(f"tfhub:{folder / 'mine'}", None) == one
    put(folder / "mine" / "variables", "variables.data", b"b")
    two = resolve_fingerprint("tfhub:mine", folder)
    (folder / "mine" / "variables" / "variables.data").rename(folder / "mine" / "variables" / "other.data")
    assert len({one, two, resolve_fingerprint("tfhub:mine", folder)}) == 3


def test_arrays_are_read_in_numeric_order_as_float32(tmp_path):
    np.savez(tmp_path / "a.npz", *[np.full(2, number, np.float16) for number in range(12)])
    found = read_arrays(tmp_path / "a.npz")
    assert [float(array[0]) for array in found] == list(range(12))
    assert all(array.dtype == np.float32 for array in found)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"arr_0": np.array([print, {}], dtype=object)}, "allow_pickle=False"),
        ({"kernel": np.ones(2)}, "not named arr_0"),
        ({"arr_0": np.ones(2, int)}, "not floating point"),
    ],
)
def test_arrays_other_than_numbered_floats_are_refused(arrays, message, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        read_arrays(tmp_path / "a.npz")


def test_damaged_archives_are_refused(tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, np.random.default_rng(0).normal(size=500))
    for content in (file.read_bytes()[:1000], pickle.dumps([1, 2])):
        file.write_bytes(content)
        with pytest.raises((ValueError, BadZipFile, OSError)):
            read_arrays(file)


def test_weights_that_vanish_after_they_were_found_are_unavailable(folder):
    put(folder, MOBILENET, b"weights")
    found = require_weights("mobilenet_v2", folder)
    found.path.unlink()
    with pytest.raises(WeightsUnavailable, match=f"{MOBILENET} cannot be read: No such file"):
        _ = found.digest


def test_what_needs_no_weights_is_refused(folder):
    for spec in ("pixels", "postersite"):
        with pytest.raises(WeightsUnavailable, match="nothing to fetch"):
            fetch_weights(spec, folder)
    with pytest.raises(UnknownExtractor):
        fetch_weights("resnet50", folder)


def test_a_download_that_fails_leaves_the_folder_as_it_was(folder, monkeypatch):
    put(folder, MOBILENET, b"precious")
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(WeightsUnavailable, match="could not be downloaded"):
        fetch_weights("mobilenet_v2", folder)
    assert [path.name for path in folder.iterdir()] == [MOBILENET]
    assert (folder / MOBILENET).read_bytes() == b"precious"


@pytest.mark.process
def test_a_hub_model_is_fetched_over_http_and_found_by_its_handle(made, served, folder):
    handle = f"{served}/models/small_hub"
    path = fetch_weights(f"tfhub:{handle}", folder)
    assert (path / "saved_model.pb").read_bytes() == (made / "small_hub" / "saved_model.pb").read_bytes()
    found = require_weights(f"tfhub:{handle}", folder)
    assert found.path == path.resolve() and found.kind == "saved_model"
    assert [entry.name for entry in folder.iterdir()] == ["tfhub"]
