"""Dense heads learn informative labels, and the published loss and metric agree with numpy."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ml.genres.dense_training import HISTORY_KEYS, Epoch, macro_f1, macro_soft_f1
from ml.genres.errors import TrainingStopped
from ml.genres.metrics import mean_average_precision
from ml.genres.recipes import COMPACT, LOGISTIC
from ml.genres.scorecard import FIGURES
from ml.genres.splitting import split
from ml.genres.training import train, train_on
from tests.ml.genres import simple_metrics
from tests.ml.genres.catalogues import informative, names, random_scores, shuffled

pytestmark = pytest.mark.slow

QUICK = replace(COMPACT, epochs=25, patience=8, resamples=300)
BRIEF = replace(QUICK, epochs=3, resamples=20)


@pytest.fixture(scope="module")
def trained():
    return train_on(informative(), QUICK)


@pytest.fixture(scope="module")
def without_signal():
    return train_on(shuffled(informative()), replace(QUICK, epochs=200))


@pytest.fixture(scope="module")
def brief():
    """A training of three epochs, and what it reported."""
    seen: list[Epoch] = []
    return train_on(informative(), BRIEF, seen.append), seen


@pytest.fixture(scope="module")
def stopped():
    """The error of a training with another seed that is asked to stop after two epochs."""
    seen: list[Epoch] = []
    with pytest.raises(TrainingStopped) as caught:
        train_on(informative(), replace(QUICK, seed=5), seen.append, should_stop=lambda: len(seen) == 2)
    return caught.value


def test_informative_labels_are_learned_clearly_beyond_predict_everything(trained):
    card = trained.metrics["validation"]
    assert card["macro_f1_gain"]["low"] > 0.1
    assert card["macro_f1"]["low"] > card["macro_f1_predict_everything"]["high"]
    assert any(row["evidence"] for row in card["per_genre"])


def test_shuffled_labels_score_no_better_than_predict_everything(without_signal):
    card = without_signal.metrics["validation"]
    assert card["macro_f1_gain"]["low"] <= 0
    assert card["macro_f1"]["value"] < card["macro_f1_predict_everything"]["value"] + 0.05


def test_the_figures_are_those_of_the_validation_rows_against_their_own_labels(trained):
    data = informative()
    _, held = split(data.groups, data.labels, QUICK.validation_fraction, QUICK.seed)
    scores = trained.head.scores(data.features[held])
    card = trained.metrics["validation"]
    assert card["posters"] == len(held) == trained.metrics["rows"]["validation"]
    assert card["macro_f1"]["value"] == pytest.approx(simple_metrics.macro_f1(data.labels[held], scores, 0.6))
    assert card["mean_average_precision"]["value"] == pytest.approx(
        mean_average_precision(data.labels[held], scores)
    )
    # the curve of the kept epoch is measured on the same rows, by Keras
    best = trained.metrics["best_epoch"] - 1
    assert trained.history["val_macro_f1"][best] == pytest.approx(card["macro_f1"]["value"], abs=1e-5)


def test_the_weights_are_those_of_the_lowest_validation_loss_of_a_complete_history(trained):
    assert set(trained.history) == set(HISTORY_KEYS)
    assert {len(curve) for curve in trained.history.values()} == {trained.metrics["epochs_run"]}
    assert trained.metrics["epochs_run"] <= QUICK.epochs
    assert trained.metrics["best_epoch"] - 1 == int(np.argmin(trained.history["val_loss"]))
    assert trained.history["loss"][-1] < trained.history["loss"][0] - 0.1


def test_metrics_are_strict_json_with_an_interval_around_each_figure(trained):
    card = json.loads(json.dumps(trained.metrics, allow_nan=False))["validation"]
    for figure in FIGURES:
        assert card[figure]["low"] <= card[figure]["value"] <= card[figure]["high"]
    for row in card["per_genre"]:
        assert row["f1"]["low"] <= row["f1"]["high"]
        assert row["train_positives"] >= QUICK.min_positives


def test_one_seed_gives_one_head(brief, stopped):
    first, _ = brief
    again = train_on(informative(), BRIEF)
    features = informative().features
    assert (first.head.scores(features) == again.head.scores(features)).all()
    assert first.history["val_loss"] == again.history["val_loss"]
    assert first.history["val_loss"][:2] != stopped.history["val_loss"]


def test_the_published_head_trains_with_binary_cross_entropy_too():
    data = informative()
    config = replace(QUICK, name="bce", loss="binary_crossentropy", threshold=0.4, epochs=15)
    card = train_on(data, config).metrics["validation"]
    assert card["macro_f1_gain"]["low"] > 0.1
    assert card["mean_average_precision"]["value"] > 0.8


def test_patience_stops_training_early(without_signal):
    metrics = without_signal.metrics
    assert metrics["epochs_run"] == metrics["best_epoch"] + QUICK.patience < 200


def test_standardising_makes_the_head_indifferent_to_the_scale_of_its_features(brief):
    data = informative()
    plain, _ = brief
    stretched = train(data.features * 100 + 7, data.labels, data.genres, BRIEF)
    assert stretched.history["val_loss"] == pytest.approx(plain.history["val_loss"], abs=1e-3)


@pytest.mark.parametrize("config", [BRIEF, LOGISTIC], ids=["dense", "logistic"])
def test_genres_with_too_few_examples_are_left_out_and_named(config):
    data = informative(genres=4)
    rare = np.zeros((len(data.labels), 1), dtype=np.uint8)
    rare[:4] = 1
    config = replace(config, resamples=20)
    trained = train(data.features, np.hstack([rare, data.labels]), ["Musical", *names(4)], config)
    assert trained.head.genres == tuple(names(4))
    (left_out,) = trained.metrics["left_out"]
    assert (left_out["genre"], left_out["reason"]) == ("Musical", "too few examples")
    assert left_out["train_positives"] <= 4


def test_each_epoch_is_reported_as_it_ends(brief):
    trained, seen = brief
    assert [epoch.epoch for epoch in seen] == [1, 2, 3]
    assert {epoch.epochs for epoch in seen} == {3}
    assert [epoch.val_loss for epoch in seen] == trained.history["val_loss"]


def test_asked_to_stop_it_stops_within_the_epoch_and_keeps_the_history(stopped):
    assert "stopped after 2 epochs" in str(stopped)
    assert len(stopped.history["loss"]) == 2


def test_the_head_carries_what_its_scores_depend_on(trained):
    assert trained.head.extractor == trained.metrics["extractor"] == "made-up-1"
    assert trained.head.recipe == "compact"
    assert trained.head.thresholds == (0.6,) * 6


def test_soft_f1_by_hand():
    truth = np.array([[1, 0], [0, 1], [1, 0]])
    scores = np.array([[0.8, 0.3], [0.4, 0.6], [0.5, 0.1]], dtype=np.float32)
    # genre 1: tp 1.3, fp .4, fn .7 -> 2.6 / 3.7; genre 2: tp .6, fp .4, fn .4 -> 1.2 / 2
    expected = ((1 - 2.6 / 3.7) + (1 - 1.2 / 2)) / 2
    assert float(macro_soft_f1(truth, scores)) == pytest.approx(expected, abs=1e-6)


def test_soft_f1_of_hard_decisions_is_one_minus_f1():
    truth, scores = random_scores(50, 4)
    hard = (scores > 0.5).astype(np.float32)
    assert float(macro_soft_f1(truth, hard)) == pytest.approx(
        1 - simple_metrics.macro_f1(truth, scores), abs=1e-6
    )


def test_a_genre_missing_from_the_batch_costs_one_and_is_finite():
    truth = np.array([[0], [0]])
    assert float(macro_soft_f1(truth, np.zeros((2, 1), dtype=np.float32))) == 1
    assert float(macro_soft_f1(truth, np.ones((2, 1), dtype=np.float32))) == 1


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
        simple_metrics.macro_f1(truth, scores, threshold), abs=1e-6
    )
