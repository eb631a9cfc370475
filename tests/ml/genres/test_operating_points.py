"""Suggested genres, thresholds and sure suggestions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from ml.genres.operating_points import (
    MIN_SURE_HITS,
    MIN_SURE_PAIRS,
    SurePoint,
    SureTarget,
    abstention_curve,
    best_f1,
    rank_deviations,
    ranked_above_chance,
    suggest_thresholds,
    sure_cut,
    sure_figures,
    sure_point,
    sure_thresholds,
)
from ml.genres.thresholds import NEVER
from tests.ml.genres.catalogues import random_scores
from tests.ml.genres.simple_metrics import macro_f1, per_genre_f1

TARGET = SureTarget(precision=0.8, least=0.7, recall=0.27)


@given(st.integers(0, 10_000), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_the_best_f1_is_that_of_the_best_of_all_thresholds(seed, rows):
    truth, scores = random_scores(rows, 3, seed)
    cuts = [-1.0, *np.unique(scores)]
    reference = np.max([per_genre_f1(truth, scores, cut) for cut in cuts], axis=0)
    assert best_f1(truth, scores) == pytest.approx(reference)


def test_without_shrinkage_a_threshold_is_half_the_best_f1():
    truth, scores = random_scores(200, 4)
    assert suggest_thresholds(truth, scores, 0.0) == pytest.approx(best_f1(truth, scores) / 2)


def test_half_the_best_f1_maximises_f1_of_calibrated_scores():
    random = np.random.default_rng(0)
    scores = random.beta(1, 4, size=(60_000, 1))
    truth = (random.random(scores.shape) < scores).astype(np.uint8)
    [cut] = suggest_thresholds(truth, scores, 0.0)
    assert macro_f1(truth, scores, cut) == pytest.approx(best_f1(truth, scores)[0], abs=0.002)


def test_a_rare_genre_gives_up_what_its_few_posters_promise():
    random = np.random.default_rng(1)
    truth = np.zeros((1000, 2), dtype=np.uint8)
    truth[:400, 0], truth[:3, 1] = 1, 1
    scores = random.random((1000, 2)) * 0.5
    scores[:400, 0] += 0.1
    scores[:3, 1] = 0.9  # three posters ranked perfectly: chance or not?
    own, shrunk = (suggest_thresholds(truth, scores, k) for k in (0.0, 50.0))
    assert own[1] == pytest.approx(0.5)
    assert shrunk[1] < 0.1
    assert shrunk[0] == pytest.approx(own[0], abs=0.01)


@given(st.integers(0, 1000), st.floats(0, 1e6))
@settings(max_examples=40, deadline=None)
def test_a_threshold_lies_between_half_of_predicting_always_and_a_half(seed, shrinkage):
    truth, scores = random_scores(60, 4, seed)
    cuts = suggest_thresholds(truth, scores, shrinkage)
    assert (cuts >= per_genre_f1(truth, np.ones(truth.shape)) / 2 - 1e-9).all()
    assert (cuts <= 0.5 + 1e-9).all()


def test_the_sure_cut_is_the_lowest_that_is_precise_enough():
    random = np.random.default_rng(2)
    scores = random.random((400, 3)).astype(np.float32)
    truth = (random.random(scores.shape) < scores).astype(np.uint8)
    allowed = scores > 0.2
    cut = sure_cut(truth, scores, allowed, 0.8)

    def precision(above):
        return truth[allowed & (scores > above)].mean()

    assert precision(cut) >= 0.8
    lower = np.unique(scores[allowed & (scores < cut)])
    assert all(precision(below) < 0.8 for below in lower - 1e-6)


def test_nothing_is_sure_without_enough_pairs_or_precision():
    truth = np.ones((MIN_SURE_PAIRS - 1, 1), dtype=np.uint8)
    scores = np.linspace(0.5, 0.9, len(truth))[:, None]
    assert sure_cut(truth, scores, scores > 0, 0.75) == NEVER
    wrong = np.zeros((200, 1), dtype=np.uint8)
    assert sure_cut(wrong, np.linspace(0, 1, 200)[:, None], np.ones((200, 1), dtype=bool), 0.1) == NEVER
    assert sure_cut(wrong, np.ones((200, 1)), np.zeros((200, 1), dtype=bool), 0.1) == NEVER


def test_nothing_is_sure_that_is_not_suggested_or_has_not_shown_it():
    point = SurePoint(0.6, 0.8, np.array([True, True, True, False]))
    assert sure_thresholds([0.2, 0.8, NEVER, 0.2], point) == (0.6, 0.8, NEVER, NEVER)


def informative(rows=2000, genres=3, sharpness=1.0, seed=3):
    """Calibrated scores, the further from their mean the sharper, and labels drawn from them."""
    random = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(1.0 - sharpness * random.normal(size=(rows, genres))))
    return (random.random(scores.shape) < scores).astype(np.uint8), scores


def reached(truth, scores, cut):
    sure = scores > cut
    return truth[sure].mean(), truth[sure].sum() / truth.sum()


def test_precision_is_given_up_for_recall_and_no_more_than_it_takes():
    truth, scores = informative()
    everything = np.ones(truth.shape, dtype=bool)
    target = SureTarget(precision=0.95, least=0.3, recall=0.5)
    point = sure_point(truth, scores, everything, target)
    precision, recall = reached(truth, scores, point.cut)
    assert target.least < point.target < target.precision
    assert precision >= point.target - 1e-9
    assert recall >= target.recall
    # slow reference: no cut that leaves as much is more precise
    others = [reached(truth, scores, cut) for cut in np.unique(scores)[::7]]
    assert max(other for other, left in others if left >= target.recall) <= point.target + 0.005


@pytest.mark.parametrize(
    ("sharpness", "target", "lowest", "highest"), [(4.0, 0.8, 0.5, 1.0), (0.7, 0.7, 0.0, 0.27)]
)
def test_precision_is_not_given_up_without_need_nor_below_the_least(sharpness, target, lowest, highest):
    truth, scores = informative(sharpness=sharpness)
    point = sure_point(truth, scores, np.ones(truth.shape, dtype=bool), TARGET)
    precision, recall = reached(truth, scores, point.cut)
    assert point.target == target <= precision
    assert lowest < recall < highest


@given(st.integers(0, 1000), st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_the_target_stays_within_its_bounds_and_is_reached(seed, precision, least, recall):
    truth, scores = random_scores(80, 3, seed)
    point = sure_point(truth, scores, scores > 0.1, SureTarget(precision, least, recall))
    assert min(least, precision) <= point.target <= precision
    if point.cut < NEVER:
        sure = (scores > 0.1) & (scores > point.cut)
        assert truth[sure].mean() >= point.target - 1e-9


def test_a_genre_that_was_hardly_ever_right_above_the_cut_is_not_sure():
    truth, scores = informative(rows=600, sharpness=3.0)
    truth, scores = np.hstack([truth, truth[:, :1]]), np.hstack([scores, scores[:, :1] * 0.2])
    high = np.argsort(-scores[:, 0])[:MIN_SURE_HITS]
    scores[high, 3] = 0.97
    truth[high, 3] = 1
    everything = np.ones(truth.shape, dtype=bool)
    assert sure_point(truth, scores, everything, TARGET).genres.tolist() == [True] * 4
    truth[high[0], 3] = 0
    assert sure_point(truth, scores, everything, TARGET).genres.tolist() == [True] * 3 + [False]


def test_abstention_by_hand():
    truth = np.array([[1, 0], [1, 1], [0, 1]], dtype=np.uint8)
    scores = np.array([[0.65, 0.1], [0.35, 0.55], [0.45, 0.25]])
    suggested = np.array([[True, False], [True, True], [True, True]])
    rows = {row["cut"]: row for row in abstention_curve(truth, scores, suggested)}
    assert rows[0.0] == {
        "cut": 0.0,
        "coverage": 1.0,
        "precision": 4 / 5,
        "recall": 1.0,
        "genres_a_poster": 5 / 3,
    }
    assert (rows[0.5]["coverage"], rows[0.5]["precision"], rows[0.5]["recall"]) == (2 / 3, 1.0, 0.5)
    assert (rows[0.9]["coverage"], rows[0.9]["precision"]) == (0.0, None)
    coverage = [row["coverage"] or 0.0 for row in rows.values()]
    assert coverage == sorted(coverage, reverse=True)


def test_sure_figures_by_hand():
    truth = np.tile(np.array([[1, 0], [1, 1]], dtype=np.uint8), (50, 1))
    sure = np.tile(np.array([[True, True], [False, False]]), (50, 1))
    found = sure_figures(truth, sure, resamples=200, seed=0)
    assert (found["precision"]["value"], found["coverage"]["value"]) == (0.5, 0.5)
    assert found["recall"]["value"] == pytest.approx(1 / 3)
    assert found["recall"]["low"] < 1 / 3 < found["recall"]["high"]
    assert found["pairs"] == 100
    nothing = sure_figures(truth, np.zeros_like(sure), resamples=20, seed=0)
    assert nothing["precision"] == {"value": None, "low": None, "high": None}
    assert nothing["recall"]["value"] == 0


def test_rank_deviations_agree_with_the_textbook():
    truth, scores = random_scores(90, 4)
    found = rank_deviations(truth, scores)
    for genre in range(4):
        right = truth[:, genre] == 1
        with_it, without = right.sum(), (~right).sum()
        statistic = rankdata(scores[:, genre])[right].sum() - with_it * (with_it + 1) / 2
        spread = np.sqrt(with_it * without * 91 / 12)
        assert found[genre] == pytest.approx((statistic - with_it * without / 2) / spread)


def test_random_scores_pass_about_once_in_forty():
    random = np.random.default_rng(1)
    truth = (random.random((300, 2000)) < 0.1).astype(np.uint8)
    assert ranked_above_chance(truth, random.random(truth.shape)).mean() == pytest.approx(0.025, abs=0.011)


@pytest.mark.parametrize("posters", [1, 5])
def test_a_few_posters_pass_only_if_all_rank_high(posters):
    truth = np.zeros((500, 2), dtype=np.uint8)
    truth[:posters] = 1
    scores = np.tile(np.linspace(0.9, 0.1, 500)[:, None], 2)
    scores[0, 1] = 0.0
    found = ranked_above_chance(truth, scores)
    assert found.tolist() == [posters == 5, posters == 5]
    scores[: (posters + 1) // 2, 1] = 0.0
    assert not ranked_above_chance(truth, scores)[1]


def test_a_genre_that_all_or_none_have_does_not_pass():
    truth = np.repeat(np.array([[0, 1]], dtype=np.uint8), 20, axis=0)
    assert rank_deviations(truth, np.random.default_rng(0).random((20, 2))).tolist() == [0, 0]
