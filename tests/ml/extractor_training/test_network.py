"""The network is MobileNetV2 with batch normalisation folded in, and its map averages to its vector."""

from __future__ import annotations

import json

import numpy as np
import pytest

# Whoever comes first waits for Keras, which a busy machine draws out.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def made(training_output):
    return np.load(training_output / "network.npz")


def test_all_three_depths_are_those_of_mobilenet(made):
    assert made["depths"].shape == made["expected"].shape == (2, 192 + 576 + 1280)
    assert made["expected"].std(axis=0).mean() > 1e-3
    np.testing.assert_allclose(made["depths"], made["expected"], atol=1e-4)


@pytest.mark.parametrize(("prefix", "shape"), [("", (9, 6)), ("small_", (3, 2))])
def test_the_mean_of_the_map_is_the_vector(made, prefix, shape):
    vector, places = made[f"{prefix}vector"], made[f"{prefix}map"]
    assert vector.shape == (2, 256) and places.shape == (2, *shape, 256)
    assert vector.std() > 1e-3
    np.testing.assert_allclose(places.mean(axis=(1, 2)), vector, atol=1e-5)


@pytest.mark.parametrize(("case", "words"), [("nan", "not finite"), ("text", "damaged or holds no weights")])
def test_unfit_weights_are_refused_with_what_to_do(training_output, case, words):
    message = json.loads((training_output / "refusals.json").read_text())[case]
    assert f"{case}.weights.h5" in message and words in message
    assert "manage.py fetch_weights mobilenet_v2" in message
