"""The recipe `logistic` learns what the features show, withholds other genres, and measures out of fold."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ml.genres.errors import TrainingStopped
from ml.genres.logistic_training import train_logistic
from ml.genres.metrics import mean_average_precision
from ml.genres.recipes import LOGISTIC
from ml.genres.scorecard import FIGURES
from ml.genres.thresholds import NEVER
from ml.genres.training import TrainingDataError, train, train_on
from ml.genres.training_set import TrainingSet
from tests.ml.genres import simple_metrics
from tests.ml.genres.catalogues import informative, names, shuffled
from tests.ml.genres.simple_metrics import expected_calibration_error

pytestmark = pytest.mark.slow

QUICK = replace(LOGISTIC, resamples=300)
TWO_STRENGTHS = replace(LOGISTIC, resamples=50, strengths=(1.0, 0.1))


@pytest.fixture(scope="module")
def trained():
    return train_on(informative(rows=600, signal=0.4), QUICK)


def test_informative_labels_are_learned_clearly_beyond_predict_everything(trained):
    card = trained.metrics["validation"]
    assert card["macro_f1_gain"]["low"] > 0.1
    assert trained.head.no_evidence == ()
    assert all(row["evidence"] for row in card["per_genre"])


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_labels_are_no_better_than_predict_everything_and_nearly_all_are_withheld(seed):
    trained = train_on(shuffled(informative(rows=600, genres=8, seed=seed), seed), QUICK)
    card = trained.metrics["validation"]
    assert card["macro_f1_gain"]["high"] < 0
    assert all(row["f1"]["value"] < row["f1_predict_everything"] + 0.05 for row in card["per_genre"])
    # at 2.5% a genre one of eight may slip through by chance, hardly more
    assert len(trained.metrics["no_evidence"]) >= 7
    withheld = [row["genre"] for row in card["per_genre"] if not row["evidence"]]
    assert withheld == trained.metrics["no_evidence"]
    assert trained.metrics["sure"]["coverage"]["value"] < 0.02


def test_a_genre_that_posters_do_not_show_is_never_suggested_and_named():
    data = informative(rows=600, genres=4)
    labels = data.labels.copy()
    labels[:, 2] = np.random.default_rng(5).permutation(labels[:, 2])
    trained = train(data.features, labels, data.genres, QUICK)
    assert trained.head.no_evidence == (data.genres[2],)
    assert trained.metrics["no_evidence"] == [data.genres[2]]
    assert trained.head.sure_thresholds is not None
    assert trained.head.thresholds[2] == trained.head.sure_thresholds[2] == NEVER
    scores = trained.head.scores(data.features)
    assert not trained.head.suggested(scores)[:, 2].any()
    row = trained.metrics["validation"]["per_genre"][2]
    assert (row["evidence"], row["sure_threshold"]) == (False, None)


def test_out_of_fold_metrics_hold_for_new_posters():
    # one call, so that learned and unseen posters picture the genres alike
    data = informative(rows=4000, signal=0.25)
    trained = train(data.features[:800], data.labels[:800], data.genres, QUICK)
    promised, head = trained.metrics, trained.head
    truth = data.labels[800:]
    scores = head.scores(data.features[800:])
    macro_f1 = promised["validation"]["macro_f1"]["value"]
    assert simple_metrics.macro_f1(truth, scores, head.thresholds) == pytest.approx(macro_f1, abs=0.05)
    assert expected_calibration_error(truth, scores) < 0.03
    sure = head.sure(scores)
    suggested = head.suggested(scores)
    assert not (sure & ~suggested).any() and 0 < sure.sum() < suggested.sum()
    assert truth[sure].mean() == pytest.approx(promised["sure"]["target"], abs=0.06)
    recall = truth[sure].sum() / truth.sum()
    assert recall == pytest.approx(promised["sure"]["recall"]["value"], abs=0.06)


def test_a_higher_target_makes_fewer_sure():
    data = informative(rows=600, signal=0.4)
    config = replace(QUICK, sure_recall=0.0, resamples=20)
    trainings = [train_on(data, replace(config, sure_precision=target)) for target in (0.5, 0.7, 0.9)]
    recalls = [trained.metrics["sure"]["recall"]["value"] for trained in trainings]
    assert recalls == sorted(recalls, reverse=True)
    assert recalls[0] > recalls[-1]


def test_precision_is_lowered_for_recall_down_to_what_is_still_sure():
    data = informative(rows=600, signal=0.25)
    wanted, given_up, kept = (
        train_on(
            data, replace(QUICK, sure_precision=0.95, sure_least=least, sure_recall=recall, resamples=50)
        )
        for least, recall in ((0.5, 0.0), (0.5, 0.6), (0.9, 0.6))
    )
    targets = [one.metrics["sure"]["target"] for one in (wanted, given_up, kept)]
    assert targets[0] == 0.95
    assert 0.5 <= targets[1] < targets[2] < 0.95
    figures = given_up.metrics["sure"]
    assert figures["aim"] == 0.95
    assert figures["precision"]["low"] < targets[1] < figures["precision"]["high"]
    assert figures["recall"]["value"] > wanted.metrics["sure"]["recall"]["value"]


def test_a_rare_genre_that_a_few_hundred_posters_tell_is_suggested():
    # F1 of a genre of one poster in twenty hardly beats suggesting it always beyond doubt; its ranking does
    data = informative(rows=300, genres=3, signal=0.35, seed=2)
    random = np.random.default_rng(2)
    rare = (random.random(300) < 0.05).astype(np.uint8)
    features = data.features + 0.5 * rare[:, None] * random.normal(size=data.features.shape[1])
    trained = train(features, np.hstack([data.labels, rare[:, None]]), names(4), QUICK)
    assert names(4)[3] not in trained.head.no_evidence


def test_metrics_are_strict_json_of_the_scorecards_shape(trained):
    found = json.loads(json.dumps(trained.metrics, allow_nan=False))
    card = found["validation"]
    for figure in FIGURES:
        assert card[figure]["low"] <= card[figure]["value"] <= card[figure]["high"]
    assert card["posters"] == found["rows"]["validation"] == 600
    assert "saw nothing of its series" in found["measured_on"]
    assert found["sure"]["precision"]["low"] < found["sure"]["precision"]["high"]
    assert [row["cut"] for row in found["abstention"]][:2] == [0.0, 0.2]
    assert found["strength"] == min(found["strengths_tried"], key=lambda row: row["log_loss"])["strength"]
    calibration = found["calibration"]
    assert calibration["ece_after"]["value"] <= calibration["ece_before"]["value"] + 0.01
    assert trained.history == {}


def test_groups_are_in_one_fold_so_copies_are_not_memorised():
    random = np.random.default_rng(0)
    labels = (random.random((150, 2)) < 0.4).astype(np.uint8)
    features = random.normal(size=(150, 60))
    copies = np.repeat(np.arange(150), 4)
    grouped = train(features[copies], labels[copies], names(2), QUICK, groups=copies)
    leaking = train(features[copies], labels[copies], names(2), QUICK)
    assert grouped.metrics["validation"]["mean_average_precision"]["value"] < 0.6
    assert leaking.metrics["validation"]["mean_average_precision"]["value"] > 0.7


def test_one_seed_gives_one_head_and_a_fitting_warm_start_the_same_one():
    data = informative()
    first, again = train_on(data, TWO_STRENGTHS), train_on(data, TWO_STRENGTHS)
    assert (first.head.scores(data.features) == again.head.scores(data.features)).all()
    warm = train_on(data, TWO_STRENGTHS, start=first.head)
    assert (first.metrics["warm_start"], warm.metrics["warm_start"]) == (False, True)
    assert warm.head.scores(data.features) == pytest.approx(first.head.scores(data.features), abs=2e-3)
    assert warm.head.thresholds == first.head.thresholds
    reordered, foreign = replace(first.head, genres=data.genres[::-1]), replace(first.head, extractor="other")
    for unfit in (reordered, foreign):
        assert not train_on(data, TWO_STRENGTHS, start=unfit).metrics["warm_start"]


def test_a_genre_of_every_poster_is_withheld():
    data = informative(genres=2)
    labels = np.hstack([np.ones((len(data.labels), 1), dtype=np.uint8), data.labels])
    trained = train(data.features, labels, ["Film", *names(2)], TWO_STRENGTHS)
    assert trained.head.no_evidence == ("Film",)


def test_very_few_posters_are_enough_or_refused():
    features = np.random.default_rng(0).normal(size=(12, 30))
    labels = np.zeros((12, 2), dtype=np.uint8)
    labels[::2, 0], labels[1::2, 1] = 1, 1
    trained = train(features, labels, ["Drama", "Comedy"], TWO_STRENGTHS)
    assert np.isfinite(trained.head.scores(features)).all()
    with pytest.raises(TrainingDataError, match="No genre has 5 labelled posters"):
        train(features, labels * (np.arange(12) < 4)[:, None], ["Drama", "Comedy"], TWO_STRENGTHS)


def test_it_stops_on_request():
    calls = iter(range(10_000))
    with pytest.raises(TrainingStopped, match="Training was stopped; no model was written"):
        train_on(informative(), QUICK, should_stop=lambda: next(calls) > 20)
    assert next(calls) < 40


TRAIN_ONLY = np.arange(600) < 300


def subset(data: TrainingSet, rows: np.ndarray) -> TrainingSet:
    return replace(data, features=data.features[rows], labels=data.labels[rows], groups=data.groups[rows])


@pytest.fixture(scope="module")
def optimistic() -> tuple[TrainingSet, TrainingSet]:
    """600 posters, the first half of them with vectors that know their labels, as those that an extractor
    learned from do; and 300 others like the second half."""
    honest, known = (informative(rows=900, signal=signal, seed=4) for signal in (0.15, 1.5))
    mixed = np.where(np.arange(900)[:, None] < 300, known.features, honest.features)
    return subset(replace(honest, features=mixed), np.arange(600)), subset(honest, np.arange(600, 900))


def precision(metrics: dict[str, Any]) -> float:
    return float(metrics["validation"]["mean_average_precision"]["value"])


def test_without_train_only_rows_nothing_changes() -> None:
    data = informative(rows=200)
    usual, _, _ = train_logistic(data, TWO_STRENGTHS)
    same, _, _ = train_logistic(data, TWO_STRENGTHS, train_only=np.zeros(200, dtype=bool))
    assert same.thresholds == usual.thresholds
    np.testing.assert_array_equal(same.scores(data.features), usual.scores(data.features))


def test_metrics_hold_for_new_posters(optimistic: tuple[TrainingSet, TrainingSet]) -> None:
    data, others = optimistic
    fooled, promised, _ = train_logistic(data, TWO_STRENGTHS)
    head, measured, taken = train_logistic(data, TWO_STRENGTHS, train_only=TRAIN_ONLY)
    assert measured["rows"] == {"train": 600, "validation": 300} and len(taken) == 300
    assert "never saw" in measured["measured_on"]
    scores, fooled_scores = head.scores(others.features), fooled.scores(others.features)
    assert precision(measured) == pytest.approx(mean_average_precision(others.labels, scores), abs=0.06)
    assert precision(promised) > mean_average_precision(others.labels, fooled_scores) + 0.1
    error = expected_calibration_error(others.labels, scores)
    assert error < 0.06 and error < expected_calibration_error(others.labels, fooled_scores)


def test_train_only_rows_are_trained_on() -> None:
    data = informative(rows=600, signal=0.15, seed=4)
    _, few, _ = train_logistic(subset(data, np.arange(300, 600)), TWO_STRENGTHS)
    _, more, _ = train_logistic(data, TWO_STRENGTHS, train_only=TRAIN_ONLY)
    assert precision(more) > precision(few)


def test_train_only_rows_do_not_hide_shuffled_labels(optimistic: tuple[TrainingSet, TrainingSet]) -> None:
    data, _ = optimistic
    labels = np.where(TRAIN_ONLY[:, None], data.labels, shuffled(data, 3).labels)
    _, measured, _ = train_logistic(replace(data, labels=labels), TWO_STRENGTHS, train_only=TRAIN_ONLY)
    assert measured["validation"]["macro_f1_gain"]["low"] < 0.05
    assert len(measured["no_evidence"]) >= 4
