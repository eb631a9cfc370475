"""Genre metrics and curves: hand-computed cases, agreement with scikit-learn, unknown genres."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from ml.evaluation.genre_figures import (
    COMPARED,
    abstention_curve,
    align_predictions,
    genre_curves,
    genre_differences,
    genre_figures,
    precision_recall_curve,
    reliability,
)
from ml.genres.thresholds import NEVER
from tests.ml.genres.catalogues import random_scores
from tests.ml.genres.simple_metrics import expected_calibration_error

GENRES = ("Comedy", "Drama", "Horror", "Western")


def predicted(scores, genres=GENRES, suggest=0.5, sure=None, of=GENRES):
    cuts = (suggest,) * len(of)
    sure = None if sure is None else (sure,) * len(of)
    return align_predictions(np.asarray(scores, np.float32), of, cuts, sure, genres, "no sure")


@pytest.fixture(scope="module")
def set_of_scores():
    truth, scores = random_scores(200, 4, seed=1)
    return truth, np.clip(0.25 * truth + 0.75 * scores, 0, 1).astype(np.float32)


def test_figures_are_those_of_the_metrics_and_of_scikit_learn(set_of_scores):
    truth, scores = set_of_scores
    found = genre_figures(truth, predicted(scores, sure=0.8), GENRES, resamples=50)
    chosen, sure = scores > 0.5, scores > np.float32(0.8)
    expected = {
        "macro_f1_suggest": reference.f1_score(truth, chosen, average="macro"),
        "micro_f1_suggest": reference.f1_score(truth, chosen, average="micro"),
        "samples_f1_suggest": reference.f1_score(truth, chosen, average="samples", zero_division=0),
        "map": reference.average_precision_score(truth, scores, average="macro"),
        "macro_auc": reference.roc_auc_score(truth, scores, average="macro"),
        "ece": expected_calibration_error(truth, scores),
        "predict_everything_macro_f1": reference.f1_score(truth, np.ones_like(truth), average="macro"),
        "predict_everything_micro_f1": reference.f1_score(truth, np.ones_like(truth), average="micro"),
        "sure_precision": reference.precision_score(truth, sure, average="micro"),
        "sure_recall": reference.recall_score(truth, sure, average="micro"),
        "coverage_suggest": chosen.any(axis=1).mean(),
        "sure_coverage": sure.any(axis=1).mean(),
    }
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value), name
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"], name
    row = found["per_genre"][2]
    assert row["genre"] == "Horror"
    assert row["prevalence"] == pytest.approx(truth[:, 2].mean())
    assert row["auc"]["value"] == pytest.approx(reference.roc_auc_score(truth[:, 2], scores[:, 2]))
    assert row["sure_threshold"] == 0.8


def test_genres_the_model_does_not_know_are_never_predicted():
    truth = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 1]], np.uint8)
    aligned = predicted(
        [[0.9, 0.3], [0.1, 0.2], [0.8, 0.3], [0.2, 0.9]], ("drama", "War", "Epic"), of=("Noir", "DRAMA")
    )
    assert aligned.unknown == ("War", "Epic")
    assert aligned.absent == ("Noir",)
    assert aligned.scores[:, 0].tolist() == pytest.approx([0.3, 0.2, 0.3, 0.9])
    assert not aligned.scores[:, 1:].any()
    found = genre_figures(truth, aligned, ("drama", "War", "Epic"), resamples=20)
    assert [row["known"] for row in found["per_genre"]] == [True, False, False]
    assert found["per_genre"][1]["f1"]["value"] == 0
    assert found["per_genre"][1]["auc"]["value"] == 0.5
    assert found["unknown_to_the_model"] == ["War", "Epic"]
    assert found["absent_from_the_set"] == ["Noir"]


def test_without_sure_predictions_the_figures_are_none_with_the_reason(set_of_scores):
    truth, scores = set_of_scores
    found = genre_figures(truth, predicted(scores), GENRES, resamples=20)
    for name in ("sure_precision", "sure_recall", "sure_coverage"):
        assert found[name] == {"value": None, "low": None, "high": None, "reason": "no sure"}
    found = genre_figures(truth, predicted(scores, sure=NEVER), GENRES, resamples=20)
    assert found["sure_precision"]["value"] is None
    assert "nothing was predicted" in found["sure_precision"]["reason"]
    assert found["sure_recall"]["value"] == 0
    assert found["per_genre"][0]["sure_threshold"] is None


def test_a_paired_difference_is_the_difference_of_the_values(set_of_scores):
    truth, scores = set_of_scores
    worse = predicted(np.random.default_rng(0).random(scores.shape))
    ours, theirs = (genre_figures(truth, each, GENRES, resamples=20) for each in (predicted(scores), worse))
    differences = genre_differences(truth, predicted(scores), worse, resamples=100)
    assert tuple(differences) == COMPARED
    for name in COMPARED[:6]:
        assert differences[name]["value"] == pytest.approx(ours[name]["value"] - theirs[name]["value"]), name
    assert differences["map"]["low"] > 0
    assert differences["sure_precision"]["reason"] == "no sure"


def test_the_precision_recall_curve_by_hand():
    found = precision_recall_curve(np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.8, 0.1]), 50)
    assert found["recall"] == [0.5, 1.0]
    assert found["precision"] == pytest.approx([1.0, 2 / 3])
    assert found["cut"] == [0.9, 0.8]
    assert precision_recall_curve(np.zeros(3), np.ones(3), 50)["recall"] == []
    late = precision_recall_curve(np.array([0, 1]), np.array([0.9, 0.8]), 50)
    assert (late["recall"], late["precision"]) == ([1.0], [0.5])


def test_a_thinned_curve_lies_on_the_whole_one(set_of_scores):
    truth, scores = (array.ravel() for array in set_of_scores)
    precision, recall, _ = reference.precision_recall_curve(truth, scores)
    whole = {(round(r, 9), round(p, 9)) for p, r in zip(precision, recall, strict=True)}
    thin = precision_recall_curve(truth, scores, 20)
    assert thin["recall"] == sorted(thin["recall"])
    assert thin["recall"][-1] == 1
    for p, r in zip(thin["precision"], thin["recall"], strict=True):
        assert (round(r, 9), round(p, 9)) in whole


def test_reliability_bins_hold_every_pair(set_of_scores):
    truth, scores = set_of_scores
    bins = reliability(truth, scores)
    assert sum(row["pairs"] for row in bins) == truth.size
    gap = sum(row["pairs"] * abs(row["score"] - row["frequency"]) for row in bins) / truth.size
    assert gap == pytest.approx(expected_calibration_error(truth, scores))


def test_abstention_by_hand():
    truth = np.array([[1, 0], [0, 1], [0, 0]], np.uint8)
    scores = np.array([[0.9, 0.2], [0.3, 0.6], [0.5, 0.0]], np.float32)
    found = abstention_curve(truth, scores, points=3)
    # Cuts at 0, and at the three best scores; above the highest nothing is predicted.
    assert found["cut"] == pytest.approx([0, 0.5, 0.6])
    assert found["coverage"] == pytest.approx([1, 2 / 3, 1 / 3])
    assert found["precision"] == pytest.approx([2 / 5, 1, 1])
    assert found["recall"] == pytest.approx([1, 1, 0.5])


def test_curves_hold_both_operating_points(set_of_scores):
    truth, scores = set_of_scores
    found = genre_curves(truth, predicted(scores, sure=0.8), GENRES)
    sure = scores > np.float32(0.8)
    assert found["operating_points"]["sure"] == {
        "precision": pytest.approx(reference.precision_score(truth, sure, average="micro")),
        "recall": pytest.approx(reference.recall_score(truth, sure, average="micro")),
    }
    best = found["best_precision_at_recall"]
    chosen = scores >= np.float32(best["cut"])
    assert reference.recall_score(truth, chosen, average="micro") >= 0.25
    assert best["precision"] == pytest.approx(reference.precision_score(truth, chosen, average="micro"))
    assert set(genre_curves(truth, predicted(scores), GENRES)["operating_points"]) == {"suggest"}
