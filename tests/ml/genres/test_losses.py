"""The published loss and metric: by hand, and the metric against its numpy twin."""

import numpy as np
import pytest

from ml.genres import metrics
from ml.genres.losses import macro_f1, macro_soft_f1
from tests.ml.genres.catalogues import random_scores


def test_soft_f1_by_hand():
    truth = np.array([[1, 0], [0, 1], [1, 0]])
    scores = np.array([[0.8, 0.3], [0.4, 0.6], [0.5, 0.1]], dtype=np.float32)
    # genre 1: tp 1.3, fp .4, fn .7 -> 2.6 / 3.7; genre 2: tp .6, fp .4, fn .4 -> 1.2 / 2
    expected = ((1 - 2.6 / 3.7) + (1 - 1.2 / 2)) / 2
    assert float(macro_soft_f1(truth, scores)) == pytest.approx(expected, abs=1e-6)


def test_soft_f1_of_hard_decisions_is_one_minus_f1():
    truth, scores = random_scores(50, 4)
    hard = (scores > 0.5).astype(np.float32)
    assert float(macro_soft_f1(truth, hard)) == pytest.approx(1 - metrics.macro_f1(truth, scores), abs=1e-6)


def test_a_genre_missing_from_the_batch_costs_one_and_is_finite():
    truth = np.array([[0], [0]])
    assert float(macro_soft_f1(truth, np.zeros((2, 1), dtype=np.float32))) == 1
    assert float(macro_soft_f1(truth, np.ones((2, 1), dtype=np.float32))) == 1


def test_the_loss_falls_as_scores_near_the_labels():
    truth, scores = random_scores(40, 3)
    nearer = scores + 0.2 * (truth - scores)
    assert float(macro_soft_f1(truth, nearer)) < float(macro_soft_f1(truth, scores))


def test_the_gradient_pushes_true_scores_up_and_false_scores_down():
    import tensorflow as tf

    truth = np.array([[1.0], [0.0]], dtype=np.float32)
    scores = tf.Variable([[0.4], [0.6]])
    with tf.GradientTape() as tape:
        cost = macro_soft_f1(truth, scores)
    slope = tape.gradient(cost, scores).numpy().ravel()
    assert slope[0] < 0 < slope[1]


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6])
def test_the_keras_metric_agrees_with_numpy(threshold):
    truth, scores = random_scores(80, 5, seed=2)
    assert float(macro_f1(truth, scores, threshold)) == pytest.approx(
        metrics.macro_f1(truth, scores, threshold), abs=1e-6
    )
