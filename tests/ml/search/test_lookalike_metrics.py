"""Look-alike figures: against a slow reference, hand-computed cases, and properties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ml.grouping import PosterRelations, group_numbers
from ml.search import lookalike_metrics
from ml.search.lookalike_metrics import NO_NEIGHBOUR, Search, lookalikes
from tests.ml.labelled_set.made_sets import unrelated
from tests.ml.search import slow_lookalike_metrics as slow

EUCLIDEAN = Search("exact", "euclidean")


def measure(vectors, labels, relations, search=EUCLIDEAN, resamples=60):
    near = lookalikes(np.asarray(vectors, np.float32), search, relations)
    scores = lookalike_metrics.poster_scores(
        near, lookalike_metrics.chance_level(np.asarray(labels, np.uint8), relations)
    )
    return lookalike_metrics.lookalike_figures(scores, 64, resamples=resamples), near, scores


def table(sets, genres):
    return np.array([[genre in each for genre in range(genres)] for each in sets], dtype=np.uint8)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_figure_agrees_with_the_slow_way(data):
    count = data.draw(st.integers(12, 30))
    seed = data.draw(st.integers(0, 2**32 - 1))
    metric = data.draw(st.sampled_from(["euclidean", "cosine"]))
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, 3)).astype(np.float32)
    sets = [set(random.choice(6, random.integers(1, 4), replace=False).tolist()) for _ in range(count)]
    series = [str(value) if value < 4 else "" for value in random.integers(0, 8, count)]
    movies = [str(value) if value < 3 else "" for value in random.integers(0, 9, count)]
    # Hashes of which some are a few bits apart.
    hashes = random.choice(random.integers(0, 2**63, count, dtype=np.uint64), count)
    hashes ^= random.integers(0, 64, count, dtype=np.uint64)
    relations = PosterRelations(hashes, group_numbers(movies), group_numbers(series))
    allowed = [
        [
            other
            for other in range(count)
            if other != row
            and bin(int(hashes[row]) ^ int(hashes[other])).count("1") > 6
            and not (movies[row] and movies[row] == movies[other])
        ]
        for row in range(count)
    ]
    assume(all(allowed))
    found, _, _ = measure(vectors, table(sets, 6), relations, Search("exact", metric))
    near = slow.neighbours(vectors.astype(float), allowed, 10, metric)
    expected = slow.figures(near, sets, series, allowed)
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-9), name


def test_a_case_by_hand():
    # On a line at 0, 1, 3, 7: six posters short of ten, so each has all others, nearest first.
    vectors = [[0.0], [1.0], [3.0], [7.0]]
    sets = [{0}, {0, 1}, {1}, {2}]
    found, near, _ = measure(vectors, table(sets, 3), unrelated(4, ["x", "", "x", ""]))
    assert near[:, :3].tolist() == [[1, 2, 3], [0, 2, 3], [1, 0, 3], [2, 1, 0]]
    assert (near[:, 3:] == NO_NEIGHBOUR).all()
    # Shares: 1/3, 2/3, 1/3, 0; all others are neighbours, so chance is the same.
    assert found["share_at_5"]["value"] == pytest.approx(1 / 3)
    assert found["share_at_5_random"]["value"] == pytest.approx(1 / 3)
    # nDCG: the first three rows show the best first; the last shares nothing with anybody and is left out.
    assert found["ndcg_at_10"]["value"] == pytest.approx(1)
    assert found["franchise_recall_at_5"]["value"] == 1
    assert found["never_recommended"]["value"] == 0
    assert found["worst_hub"]["value"] == 3


def test_random_vectors_are_near_chance_and_chance_is_what_they_say():
    random = np.random.default_rng(1)
    labels = (random.random((600, 8)) < 0.2).astype(np.uint8)
    labels[labels.sum(axis=1) == 0, 0] = 1
    series = [f"s{value}" if value < 100 else "" for value in random.integers(0, 300, 600)]
    found, _, _ = measure(random.normal(size=(600, 40)), labels, unrelated(600, series), resamples=300)
    assert found["share_at_5_lift"]["low"] < 0 < found["share_at_5_lift"]["high"]
    for name in ("share_at_5", "ndcg_at_10", "franchise_recall_at_5", "series_recall_at_5"):
        low, high = found[name]["low"], found[name]["high"]
        assert low - 0.01 < found[f"{name}_random"]["value"] < high + 0.01, name


def test_every_series_counts_the_same_and_a_ratio_is_paired():
    # Two posters of "a" side by side; of "b" three, of which two are together and one is among strangers.
    line = [0.0, 0.1, 50.0, 50.1, 90.0, *np.linspace(80, 100, 12), *np.linspace(10, 11, 8)]
    series = ["a", "a", "b", "b", "b"]
    relations = unrelated(len(line), [*series, *[""] * (len(line) - 5)])
    labels = np.ones((len(line), 1))
    found, _, scores = measure(np.array(line)[:, None], labels, relations)
    # "a": both found. "b": the pair finds one of two each, the third none.
    assert found["series_recall_at_5"]["value"] == pytest.approx((1 + (0.5 + 0.5 + 0) / 3) / 2)
    assert found["franchise_recall_at_5"]["value"] == pytest.approx(4 / 5)
    # Five of 24 at random: each other poster of a series is among them with a chance of 5/24.
    assert found["series_recall_at_5_random"]["value"] == pytest.approx(5 / 24)
    same = lookalike_metrics.lookalike_ratios(scores, scores, resamples=50)
    assert same == {key: {"value": 1, "low": 1, "high": 1} for key in lookalike_metrics.RATIOS}
    apart = np.array([0.0, 60.0, *line[2:]])[:, None]
    worse, _, fewer = measure(apart, labels, relations)
    ratio = lookalike_metrics.lookalike_ratios(scores, fewer, resamples=50)["series_recall_at_5"]
    assert ratio["value"] == found["series_recall_at_5"]["value"] / worse["series_recall_at_5"]["value"] > 1
    none = measure(apart, labels, unrelated(len(line)))[2]
    assert lookalike_metrics.lookalike_ratios(none, none)["series_recall_at_5"]["value"] is None


def test_near_duplicates_and_the_same_movie_never_recommend_each_other():
    hashes = np.array([0b0, 0b111111, 0b1111111 << 20, 2**60 - 1], dtype=np.uint64)
    relations = PosterRelations(hashes, group_numbers(["", "", "m", "m"]), group_numbers(["s", "s", "", ""]))
    vectors = np.zeros((4, 2), np.float32)
    near = lookalikes(vectors, Search("exact", "euclidean"), relations)
    assert [row[row != NO_NEIGHBOUR].tolist() for row in near] == [[2, 3], [2, 3], [0, 1], [0, 1]]
    found, _, _ = measure(vectors, np.ones((4, 1)), relations)
    # Of the series only the duplicate is left, so there is no query.
    assert found["franchise_recall_at_5"] == {"value": None, "low": None, "high": None}
    assert relations.count_duplicates() == 2
    allowed = replace(relations, keep_duplicates=True)
    found, near, _ = measure(vectors, np.ones((4, 1)), allowed)
    assert near[0, :3].tolist() == [1, 2, 3]
    assert found["franchise_recall_at_5"]["value"] == 1


def test_a_set_of_one_picture_many_times_has_no_look_alikes():
    relations = PosterRelations(np.zeros(30, np.uint64), np.full(30, -1), np.full(30, -1))
    found, near, scores = measure(np.zeros((30, 4)), np.ones((30, 2)), relations)
    assert (near == NO_NEIGHBOUR).all()
    assert found["share_at_5"]["value"] is None
    assert found["never_recommended"]["value"] == 1
    assert found["worst_hub"]["value"] == 0
    assert lookalike_metrics.counts(near, scores, ["x"] * 30)["without_neighbours"] == 30


def test_the_worst_hub_is_the_poster_that_most_others_recommend():
    # Sixty posters on a sphere around one in the middle.
    random = np.random.default_rng(2)
    shell = random.normal(size=(60, 30))
    vectors = np.vstack([np.zeros((1, 30)), shell / np.linalg.norm(shell, axis=1, keepdims=True)])
    found, near, scores = measure(vectors, np.ones((61, 1)), unrelated(61))
    assert scores.worst_hub == 0
    assert found["worst_hub"]["value"] == 60
    files = [f"{row}.jpg" for row in range(61)]
    assert lookalike_metrics.counts(near, scores, files)["worst_hub_file"] == "0.jpg"


def test_corrected_search_recommends_hubs_less():
    random = np.random.default_rng(7)
    spread = random.gamma(2.0, 0.5, size=(300, 1))
    vectors = (1 + spread * random.normal(size=(300, 30))).astype(np.float32)
    relations, labels = unrelated(300), np.ones((300, 1))
    plain, _, _ = measure(vectors, labels, relations, Search("exact", "cosine"))
    corrected, near, _ = measure(vectors, labels, relations, Search("exact", "cosine", corrected=True))
    assert corrected["worst_hub"]["value"] < plain["worst_hub"]["value"] / 2
    assert corrected["never_recommended"]["value"] < plain["never_recommended"]["value"] / 2
    assert (near != np.arange(300)[:, None]).all() and (near != NO_NEIGHBOUR).all()


def test_a_paired_difference_is_the_difference_of_the_values():
    random = np.random.default_rng(6)
    labels = np.eye(3, dtype=np.uint8)[random.integers(0, 3, 90)]
    relations = unrelated(90, ["a", "b", ""] * 30)
    good, _, first = measure(labels + random.normal(size=(90, 3)) * 0.3, labels, relations)
    bad, _, second = measure(random.normal(size=(90, 3)), labels, relations)
    differences = lookalike_metrics.lookalike_differences(first, second, 10, resamples=100)
    for name in ("share_at_5", "ndcg_at_10", "never_recommended", "worst_hub", "franchise_recall_at_5"):
        assert differences[name]["value"] == pytest.approx(good[name]["value"] - bad[name]["value"])
    assert differences["share_at_5"]["low"] > 0
    assert differences["bytes_per_poster"]["value"] == 10
