"""Linear heads: scores by hand, several posters pooled, files with both operating points, hostile files."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ml.genres.head import GenreHead, LinearWeights
from ml.genres.head_file import ModelFileError, load_head, manifest_path, save_head
from ml.genres.thresholds import NEVER
from tests.ml.genres.catalogues import names


def make_linear(features=6, genres=3, seed=0, **facts):
    random = np.random.default_rng(seed)
    kernel, bias, mean, scale = (
        random.normal(size=shape).astype(np.float32)
        for shape in ((features, genres), genres, features, features)
    )
    weights = LinearWeights(kernel, bias, mean, np.exp(scale))
    return GenreHead(weights, tuple(names(genres)), (0.3,) * genres, "made-up-1", "logistic", **facts)


@pytest.fixture
def saved(tmp_path):
    head = make_linear(sure_thresholds=(0.8, NEVER, 0.7), no_evidence=("Comedy",))
    save_head(head, tmp_path / "head.npz")
    return tmp_path / "head.npz"


def rewrite_manifest(path, **changes):
    manifest = json.loads(manifest_path(path).read_text())
    manifest_path(path).write_text(json.dumps(manifest | changes))


def test_scores_are_the_logistic_function_of_a_weighted_sum_of_standardised_features():
    head = make_linear()
    rows = np.random.default_rng(1).normal(size=(20, 6))
    weights = head.weights
    for row, scores in zip(rows, head.scores(rows), strict=True):
        for genre in range(3):
            total = sum(
                (row[i] - weights.mean[i]) / weights.scale[i] * weights.kernel[i, genre] for i in range(6)
            )
            assert scores[genre] == pytest.approx(1 / (1 + np.exp(-(total + weights.bias[genre]))), abs=1e-6)


def test_several_posters_of_a_movie_score_by_the_mean_of_their_logits():
    head = make_linear()
    rows = np.random.default_rng(2).normal(size=(4, 6))
    pooled = head.pooled_scores(rows, [1, 0, 1, 1])
    assert pooled.shape == (2, 3)
    assert pooled[0] == pytest.approx(head.scores(rows[1:2])[0], abs=1e-6)
    logits = head.logits(rows)[[0, 2, 3]].mean(axis=0)
    assert pooled[1] == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-6)


@pytest.mark.parametrize("owners", [[0, 2], [0], [0.5, 1.0], [[0, 1]]])
def test_posters_without_a_proper_owner_are_refused(owners):
    with pytest.raises(ValueError, match="owners"):
        make_linear().pooled_scores(np.zeros((2, 6)), owners)


def test_a_saved_head_scores_the_same_and_keeps_both_operating_points(saved):
    head = make_linear(sure_thresholds=(0.8, NEVER, 0.7), no_evidence=("Comedy",))
    loaded = load_head(saved)
    rows = np.random.default_rng(3).normal(size=(9, 6))
    assert (loaded.scores(rows) == head.scores(rows)).all()
    assert replace(loaded, weights=head.weights) == head
    manifest = json.loads(manifest_path(saved).read_text())
    assert manifest["architecture"] == {"kind": "linear-sigmoid", "features": 6, "genres": 3}
    assert manifest["sure_thresholds"] == [0.8, None, 0.7]
    assert manifest["no_evidence"] == ["Comedy"]


def test_a_sure_score_is_one_above_its_sure_threshold():
    head = make_linear(sure_thresholds=(0.8, NEVER, 0.7))
    assert head.sure([[0.81, 1.0, 0.7], [0.8, 0.9, 0.71]]).tolist() == [
        [True, False, False],
        [False, False, True],
    ]
    assert not make_linear().sure([[1.0, 1.0, 1.0]]).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sure_thresholds": 0.8}, "sure_thresholds that are not numbers or null"),
        ({"sure_thresholds": [0.8, "high", 0.7]}, "sure_thresholds that are not numbers or null"),
        ({"sure_thresholds": [0.8]}, "must be 3 finite numbers"),
        ({"sure_thresholds": [0.8, 0.8, float("nan")]}, "must be 3 finite numbers"),
        ({"sure_thresholds": [0.8, 0.8, 10**400]}, "is not valid"),
        ({"no_evidence": "Comedy"}, "no_evidence that is not a list"),
        ({"no_evidence": ["Opera"]}, "no_evidence names 'Opera'"),
        ({"architecture": {"kind": "linear-sigmoid", "features": 6}}, "impossible dimensions"),
        ({"architecture": {"kind": "linear-sigmoid", "features": 10**6, "genres": 10**6}}, "too large"),
        ({"architecture": {"kind": "linear-sigmoid", "features": 5, "genres": 3}}, r"\(5, 3\) float32"),
        ({"architecture": {"kind": ["linear-sigmoid"]}}, "of kind"),
        (
            {"architecture": {"kind": "dense-relu-dense-sigmoid", "features": 6, "hidden": 4, "genres": 3}},
            "does not hold the arrays",
        ),
    ],
)
def test_a_manifest_that_is_not_valid_is_refused(saved, changes, message):
    rewrite_manifest(saved, **changes)
    with pytest.raises(ModelFileError, match=message):
        load_head(saved)
