"""The losses agree with loops over pairs written out slowly."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytestmark = pytest.mark.timeout(900)

TEMPERATURE, SMOOTHING = 0.2, 0.1


@pytest.fixture(scope="module")
def made(training_output):
    return dict(np.load(training_output / "losses.npz"))


def slow_contrastive_losses(made) -> tuple[float, float]:
    vectors = [*made["vectors"], *made["old_vectors"]]
    groups, labels = [*made["groups"], *made["old_groups"]], made["labels"]
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


def test_contrast_and_agreement_agree_with_loops_over_pairs(made):
    contrast, agreement = slow_contrastive_losses(made)
    assert contrast > 0.1 and agreement > 0.1
    assert float(made["contrast"]) == pytest.approx(contrast, rel=1e-4)
    assert float(made["agreement"]) == pytest.approx(agreement, rel=1e-4)


def test_a_batch_of_one_with_an_empty_memory_has_no_loss(made):
    np.testing.assert_array_equal(made["alone"], [0.0, 0.0])


def test_the_genre_loss_is_cross_entropy_against_softened_labels(made):
    expected = 0.0
    for logits, labels in zip(made["logits"].tolist(), made["labels"][:4].tolist(), strict=True):
        for logit, label in zip(logits, labels, strict=True):
            score = 1 / (1 + math.exp(-logit))
            soft = 1 - 0.9 * SMOOTHING if label else 0.1 * SMOOTHING
            expected -= soft * math.log(score) + (1 - soft) * math.log(1 - score)
    assert float(made["genres"]) == pytest.approx(expected / 4, rel=1e-5)
