"""The network, random views and losses that `made_training` computes, against slow references."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from ml.extractor_training.network import BACKBONES, relative_depth
from ml.extractor_training.plan import TrainingPlan

# Whoever comes first waits for Keras, which a busy machine draws out.
pytestmark = pytest.mark.timeout(900)

TEMPERATURE, SMOOTHING = 0.2, 0.1


@pytest.fixture(scope="module")
def network(training_output):
    return dict(np.load(training_output / "network.npz"))


@pytest.fixture(scope="module")
def views(training_output):
    return dict(np.load(training_output / "views.npz"))


@pytest.fixture(scope="module")
def losses(training_output):
    return dict(np.load(training_output / "losses.npz"))


def test_all_three_depths_are_those_of_mobilenet(network):
    assert network["depths"].shape == network["expected"].shape == (2, 192 + 576 + 1280)
    assert network["expected"].std(axis=0).mean() > 1e-3
    np.testing.assert_allclose(network["depths"], network["expected"], atol=1e-4)


def test_random_weights_keep_the_activations_of_all_depths_alive(network):
    # Of a normal distribution with mean 0 and deviation 1, the positive part has the mean 0.4.
    depths = network["random"].reshape(2, 9 * 6, -1)
    for depth in np.split(depths, [192, 192 + 576], axis=2):
        assert depth.mean() == pytest.approx(0.4, abs=0.05)
        assert np.abs(depth[0] - depth[1]).mean() > 0.1


@pytest.mark.parametrize(("prefix", "shape"), [("", (9, 6)), ("small_", (3, 2))])
def test_the_mean_of_the_map_is_the_vector(network, prefix, shape):
    vector, places = network[f"{prefix}vector"], network[f"{prefix}map"]
    assert vector.shape == (2, 256) and places.shape == (2, *shape, 256)
    assert vector.std() > 1e-3
    np.testing.assert_allclose(places.mean(axis=(1, 2)), vector, atol=1e-5)


@pytest.mark.parametrize(("case", "words"), [("nan", "not finite"), ("text", "damaged or holds no weights")])
def test_unfit_weights_are_refused_with_what_to_do(training_output, case, words):
    message = json.loads((training_output / "refusals.json").read_text())[case]
    assert f"{case}.weights.h5" in message and words in message
    assert "manage.py fetch_weights mobilenet_v2" in message


def test_all_three_depths_are_those_of_efficientnet(training_output):
    with np.load(training_output / "efficientnet.npz") as depths:
        assert depths["expected"].std(axis=0).mean() > 1e-3
        np.testing.assert_allclose(depths["depths"], depths["expected"], atol=1e-4)


@pytest.mark.parametrize(
    ("case", "words"), [("lacking", "'bias'"), ("infinite", "not finite"), ("shape", "shape")]
)
def test_unfit_weights_of_efficientnet_are_refused(training_output, case, words):
    message = json.loads((training_output / "refusals.json").read_text())[case]
    assert f"{case}.npz" in message and words in message and "docs/training.md" in message


def test_early_and_middle_blocks_learn_more_slowly():
    plan = TrainingPlan()
    for backbone, early, middle in (("mobilenet_v2", 7, 13), ("efficientnet_lite2", 9, 17)):
        count = len(BACKBONES[backbone].blocks)
        shares = [
            plan.share(relative_depth(f"block_{number}_expand", backbone)) for number in range(1, count)
        ]
        assert shares[: early - 1] == [plan.early_share] * (early - 1)
        assert shares[early - 1 : middle - 1] == [plan.middle_share] * (middle - early)
        assert shares[middle - 1 :] == [1.0] * (count - middle)
        assert plan.share(relative_depth("Conv1", backbone)) == plan.early_share
        assert plan.share(relative_depth("top", backbone)) == 1.0


def test_views_have_the_requested_size_and_range(views):
    assert views["images"].shape == (80, 288, 192, 3)
    assert views["first"].shape == (80, 96, 64, 3) and views["first"].dtype == np.float32
    assert views["first"].min() >= 0 and views["first"].max() <= 255
    assert views["first"].max() > 200


def test_a_seed_decides_them(views):
    np.testing.assert_array_equal(views["first"], views["again"])
    assert np.abs(views["first"] - views["other"]).mean() > 10


def test_views_of_one_poster_differ_and_are_still_of_that_poster(views):
    small = views["first"].reshape(80, 8, 12, 8, 8, 3).mean(axis=(2, 4)).reshape(80, -1)
    small -= small.mean(axis=1, keepdims=True)
    small /= np.linalg.norm(small, axis=1, keepdims=True)
    alike = small @ small.T
    own = alike[:40, :40][~np.eye(40, dtype=bool)]
    assert own.max() < 0.9999
    assert own.mean() > alike[:40, 40:].mean() + 0.1


def test_some_are_grey_and_most_are_not(views):
    spread = (views["first"].max(axis=3) - views["first"].min(axis=3)).std(axis=(1, 2))
    grey = (spread < 1.0).mean()
    # A colour cast is one for the whole picture: a grey view has the same spread nearly everywhere.
    assert 0.01 < grey < 0.4


def test_half_of_the_views_get_a_share_of_another_and_targets_the_same_share(views):
    shares = views["shares"]
    own = np.diag(shares)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert own.min() >= 0.6 and 0.25 < (own < 1).mean() < 0.75
    flat = views["first"].reshape(80, -1)
    np.testing.assert_allclose(views["mixture"].reshape(80, -1), shares @ flat, atol=0.05)


def slow_contrastive_losses(losses) -> tuple[float, float]:
    vectors = [*losses["vectors"], *losses["old_vectors"]]
    groups, labels = [*losses["groups"], *losses["old_groups"]], losses["labels"]
    contrast = agreement = 0.0
    for row in range(4):
        others = [other for other in range(9) if other != row and groups[other] >= 0]
        near = {other: math.exp(float(vectors[row] @ vectors[other]) / TEMPERATURE) for other in others}
        logs = {other: math.log(near[other] / sum(near.values())) for other in others}
        related = [other for other in others if groups[other] == groups[row]]
        contrast -= sum(logs[other] for other in related) / max(len(related), 1)
        alike = {}
        for other in others:
            mine, theirs = (set(np.flatnonzero(labels[each])) for each in (row, other))
            alike[other] = (len(mine & theirs) / max(len(mine | theirs), 1)) ** 2
        total = sum(alike.values())
        if total:
            agreement -= sum(alike[other] / total * logs[other] for other in others)
    return contrast / 4, agreement / 4


def test_contrast_and_agreement_agree_with_loops_over_pairs(losses):
    contrast, agreement = slow_contrastive_losses(losses)
    assert contrast > 0.1 and agreement > 0.1
    assert float(losses["contrast"]) == pytest.approx(contrast, rel=1e-4)
    assert float(losses["agreement"]) == pytest.approx(agreement, rel=1e-4)


def test_training_learns_to_predict_the_features_that_it_keeps(training_output):
    with np.load(training_output / "kept.npz") as kept:
        features, losses = kept["features"], kept["losses"]
    assert features.shape == (6, 256)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-3)
    assert features.std() == pytest.approx(1, abs=0.05)
    assert losses.shape == (6, 4)
    assert losses[-1, 3] < 0.5 * losses[0, 3]


def test_a_batch_of_one_with_an_empty_memory_has_no_loss(losses):
    np.testing.assert_array_equal(losses["alone"], [0.0, 0.0])


def test_the_genre_loss_is_cross_entropy_against_softened_labels(losses):
    expected = 0.0
    for logits, labels in zip(losses["logits"].tolist(), losses["labels"][:4].tolist(), strict=True):
        for logit, label in zip(logits, labels, strict=True):
            score = 1 / (1 + math.exp(-logit))
            soft = 1 - 0.9 * SMOOTHING if label else 0.1 * SMOOTHING
            expected -= soft * math.log(score) + (1 - soft) * math.log(1 - score)
    assert float(losses["genres"]) == pytest.approx(expected / 4, rel=1e-5)
