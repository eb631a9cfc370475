"""Evidence: ranks beyond chance, as scipy's rank-sum test has it, rarely where there is nothing to tell."""

import numpy as np
import pytest
from scipy.stats import rankdata

from ml.genres.evidence import is_told, rank_deviations
from tests.ml.genres.catalogues import random_scores


def test_agrees_with_the_textbook():
    truth, scores = random_scores(90, 4)
    found = rank_deviations(truth, scores)
    for genre in range(4):
        right = truth[:, genre] == 1
        with_it, without = right.sum(), (~right).sum()
        statistic = rankdata(scores[:, genre])[right].sum() - with_it * (with_it + 1) / 2
        spread = np.sqrt(with_it * without * 91 / 12)
        assert found[genre] == pytest.approx((statistic - with_it * without / 2) / spread)


def test_by_hand():
    truth = np.array([[1], [1], [0], [0], [0]], dtype=np.uint8)
    # both above all three others: 6 of 6 pairs, 3 expected, variance 2 * 3 * 6 / 12 = 3
    scores = np.array([[0.9], [0.8], [0.3], [0.2], [0.1]])
    assert rank_deviations(truth, scores) == pytest.approx([3 / np.sqrt(3)])


def test_what_is_not_told_passes_about_once_in_forty():
    random = np.random.default_rng(1)
    truth = (random.random((300, 2000)) < 0.1).astype(np.uint8)
    assert is_told(truth, random.random(truth.shape)).mean() == pytest.approx(0.025, abs=0.011)


@pytest.mark.parametrize("posters", [1, 5])
def test_a_handful_of_posters_is_evidence_only_if_all_rank_high(posters):
    truth = np.zeros((500, 2), dtype=np.uint8)
    truth[:posters] = 1
    scores = np.tile(np.linspace(0.9, 0.1, 500)[:, None], 2)
    scores[0, 1] = 0.0
    found = is_told(truth, scores)
    assert found.tolist() == [posters == 5, posters == 5]
    scores[: (posters + 1) // 2, 1] = 0.0
    assert not is_told(truth, scores)[1]


def test_a_genre_that_all_or_none_have_shows_nothing():
    truth = np.repeat(np.array([[0, 1]], dtype=np.uint8), 20, axis=0)
    assert rank_deviations(truth, np.random.default_rng(0).random((20, 2))).tolist() == [0, 0]
