"""Initial projection, head and ImageNet weights."""

from __future__ import annotations

import numpy as np
import pytest

from ml.extractor_training.errors import TrainingError
from ml.extractor_training.initial_weights import (
    EFFICIENTNET,
    EFFICIENTNET_FILE,
    MOBILENET,
    first_head,
    first_projection,
    imagenet_weights,
)


def features(rows: int = 300, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(rows, 5)) * [9, 5, 3, 2, 1]
    return (np.abs(hidden @ random.normal(size=(5, 30))) + 1).astype(np.float32)


def test_components_are_uncorrelated_half_whitened_and_of_unit_spread():
    table = features()
    vectors = table @ first_projection(table, 4)
    covariance = np.cov(vectors.T)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-3 * covariance.max()
    assert vectors.std() == pytest.approx(1, rel=1e-3)
    standard = (table - table.mean(axis=0)) / (table.std(axis=0) + 0.02)
    plain = np.sort(np.linalg.eigvalsh(np.cov(standard.T)))[::-1][:4]
    found = np.diag(covariance)
    # half whitened: variances become their square roots
    np.testing.assert_allclose(found / found[0], np.sqrt(plain / plain[0]), rtol=1e-3)


def test_fewer_posters_than_numbers_still_give_finite_ones():
    table = features(rows=12)
    vectors = table @ first_projection(table, 30)
    assert vectors.shape == (12, 30) and np.isfinite(vectors).all()
    # Twelve posters vary in eleven directions at most; what is left is nothing, and not noise.
    assert (np.abs(vectors).max(axis=0) > 1e-6).sum() <= 11


def test_features_that_do_not_vary_are_refused():
    with pytest.raises(TrainingError, match="same vector"):
        first_projection(np.zeros((20, 6), dtype=np.float32), 3)


def test_the_first_head_ranks_and_is_calibrated():
    random = np.random.default_rng(3)
    labels = (random.random((400, 2)) < 0.3).astype(np.uint8)
    vectors = (labels @ random.normal(size=(2, 6)) * 2 + random.normal(size=(400, 6))).astype(np.float32)
    kernel, bias = first_head(vectors, labels)
    logits = vectors @ kernel + bias
    assert kernel.shape == (6, 2) and bias.shape == (2,)
    for genre in range(2):
        has = labels[:, genre] == 1
        assert logits[has, genre].mean() > logits[~has, genre].mean() + 1
    # Mean scores are the frequencies of the genres.
    np.testing.assert_allclose((1 / (1 + np.exp(-logits))).mean(axis=0), labels.mean(axis=0), atol=0.01)


def test_weights_are_found_by_folder_or_file(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    file = tmp_path / "mobilenet_v2_1.0_224_imagenet.weights.h5"
    file.write_bytes(b"x")
    assert imagenet_weights(tmp_path, MOBILENET).path == imagenet_weights(file, MOBILENET).path == file
    assert imagenet_weights(file, MOBILENET).kind == "with_top"
    other = tmp_path / "my_no_top.h5"
    other.write_bytes(b"x")
    assert imagenet_weights(other, MOBILENET).kind == "no_top"


@pytest.mark.parametrize("named", [None, "weights", "weights/absent.h5"])
def test_missing_weights_are_refused_with_the_command_that_gets_them(tmp_path, monkeypatch, named):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with pytest.raises(TrainingError, match=r"manage\.py fetch_weights mobilenet_v2"):
        imagenet_weights(None if named is None else tmp_path / named, MOBILENET)


def test_weights_of_efficientnet_are_found_by_folder_or_file(tmp_path):
    file, other = tmp_path / EFFICIENTNET_FILE, tmp_path / "mine.npz"
    for path in (file, other):
        path.write_bytes(b"x")
    assert imagenet_weights(tmp_path, EFFICIENTNET).path == imagenet_weights(file, EFFICIENTNET).path == file
    assert imagenet_weights(other, EFFICIENTNET).path == other
    for absent in (None, tmp_path / "absent", tmp_path / "absent.npz"):
        with pytest.raises(TrainingError, match=EFFICIENTNET_FILE):
            imagenet_weights(absent, EFFICIENTNET)
