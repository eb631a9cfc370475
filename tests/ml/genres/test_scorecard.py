"""The scorecard: metrics with intervals, and which genres show evidence."""

import json

import numpy as np
import pytest

from ml.genres.metrics import GenreMetrics
from ml.genres.scorecard import FIGURES, scorecard
from ml.genres.thresholds import decide
from tests.ml.genres.catalogues import names, random_scores


def test_its_figures_are_those_of_the_metrics_with_intervals():
    truth, scores = random_scores(120, 4)
    card = scorecard(truth, scores, names(4), 0.6, resamples=50)
    once = GenreMetrics(truth, scores, decide(scores, 0.6))(np.ones((1, 120)))
    for name in FIGURES:
        assert card[name]["value"] == pytest.approx(once[name][0])
        assert card[name]["low"] <= card[name]["high"]
    assert [row["f1"]["value"] for row in card["per_genre"]] == pytest.approx(once["f1"][0].tolist())
    for name in ("f1_predict_everything", "precision", "recall", "average_precision"):
        assert [row[name] for row in card["per_genre"]] == pytest.approx(once[name][0].tolist())


def test_genres_a_poster_are_counted_as_decided():
    truth = np.array([[1, 1], [0, 1]])
    scores = np.array([[0.6, 0.7], [0.9, 0.8]], dtype=np.float32)
    card = scorecard(truth, scores, names(2), 0.6, resamples=10)
    assert card["genres_a_poster"] == 1.5
    assert card["true_genres_a_poster"] == 1.5


def test_scores_that_tell_show_evidence_and_guesses_do_not():
    random = np.random.default_rng(0)
    truth = (random.random((300, 3)) < 0.2).astype(np.uint8)
    telling = np.clip(truth[:, 0] * 0.5 + random.random(300) * 0.6, 0, 1)
    guessing = random.random(300)
    # nearly all posters get the third genre; the few others, correctly, do not
    nearly_all = np.where((truth[:, 2] == 0) & (np.arange(300) % 40 == 0), 0.1, 0.9)
    scores = np.stack([telling, guessing, nearly_all], axis=1).astype(np.float32)
    card = scorecard(truth, scores, names(3), 0.6, resamples=400)
    assert [row["evidence"] for row in card["per_genre"]] == [True, False, False]


def test_undefined_figures_are_none_in_strict_json():
    truth, scores = random_scores(40, 2)
    truth[:, 1] = 0
    card = json.loads(json.dumps(scorecard(truth, scores, names(2), 0.95, resamples=20), allow_nan=False))
    assert card["per_genre"][1]["recall"] is None
    assert card["per_genre"][1]["average_precision"] is None
    assert card["per_genre"][1]["evidence"] is False


def test_withheld_genres_count_as_never_suggested_and_keep_their_own_rows():
    truth, scores = random_scores(120, 3)
    genres = names(3)
    card = scorecard(truth, scores, genres, 0.6, resamples=30, withheld=[genres[1]])
    never = scorecard(truth, scores, genres, [0.6, 1.0, 0.6], resamples=30)
    for figure in ("macro_f1", "macro_f1_gain", "micro_f1", "samples_f1"):
        assert card[figure] == pytest.approx(never[figure])
    assert card["genres_a_poster"] == never["genres_a_poster"]
    plain = scorecard(truth, scores, genres, 0.6, resamples=30)
    assert card["per_genre"] == plain["per_genre"]
    assert card["per_genre"][1]["f1"]["value"] > 0


def test_decisions_taken_elsewhere_are_measured_in_place_of_the_thresholds():
    truth, scores = random_scores(120, 3)
    card = scorecard(truth, scores, names(3), 0.6, resamples=30, chosen=truth.astype(bool))
    assert card["macro_f1"]["value"] == card["micro_f1"]["value"] == pytest.approx(1)
    assert card["mean_average_precision"]["value"] < 0.6
    assert [row["threshold"] for row in card["per_genre"]] == [0.6] * 3
