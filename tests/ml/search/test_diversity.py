"""Maximal marginal relevance: by hand, and its properties."""

from __future__ import annotations

import numpy as np
import pytest

from ml.search.diversity import diverse_order


def cosines(vectors):
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units @ units.T


def test_a_case_by_hand():
    # 1 is nearly 0 again; 2 is less relevant and something else.
    alike = [[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]]
    # After 0: candidate 1 is worth .5 × .8 - .5 × .9 = -.05, candidate 2 .5 × .5 - .5 × .1 = .2.
    assert diverse_order([0.9, 0.8, 0.5], alike, 3, 0.5) == [0, 2, 1]
    assert diverse_order([0.9, 0.8, 0.5], alike, 2, 0.5) == [0, 2]
    # With .2: 1 is worth .64 - .18 = .46, 2 is worth .4 - .02 = .38.
    assert diverse_order([0.9, 0.8, 0.5], alike, 3, 0.2) == [0, 1, 2]


def test_the_most_relevant_comes_first_and_none_twice():
    random = np.random.default_rng(1)
    relevance, alike = random.normal(size=30), cosines(random.normal(size=(30, 3)))
    assert diverse_order(relevance, alike, 30, 0.0) == np.argsort(-relevance).tolist()
    for diversity in (0.3, 1.0):
        chosen = diverse_order(relevance, alike, 12, diversity)
        assert chosen[0] == relevance.argmax()
        assert len(set(chosen)) == 12


def test_more_diversity_means_less_alike():
    random = np.random.default_rng(2)
    vectors = random.normal(size=(40, 5))
    alike, relevance = cosines(vectors), cosines(vectors)[0]

    def mean_likeness(diversity):
        chosen = diverse_order(relevance, alike, 6, diversity)
        return alike[np.ix_(chosen, chosen)][np.triu_indices(6, 1)].mean()

    assert mean_likeness(0.0) > mean_likeness(0.4) > mean_likeness(0.9)


def test_all_candidates_are_chosen_if_there_are_few():
    assert diverse_order([0.1, 0.2], np.eye(2), 5, 0.5) == [1, 0]
    assert diverse_order([], np.empty((0, 0)), 5, 0.5) == []


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        diverse_order([1.0, 2.0], np.eye(3), 2, 0.5)
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="0 to 1"):
            diverse_order([1.0], np.eye(1), 1, wrong)
