"""Precision@5 within a category: by hand, beside chance, with near-duplicates barred."""

from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation.categories import precision_figure, precision_terms, random_terms
from ml.evaluation.ranking import Search, lookalikes
from ml.grouping import Kinship
from tests.ml.labelled_set.made_sets import strangers


def test_terms_by_hand():
    category = np.array([0, 0, 0, 1, 1, 0, 0])
    neighbours = np.array([[1, 2, 3, 4, 5, 6], [3, 4, -1, -1, -1, -1], [-1] * 6])
    terms = precision_terms(np.vstack([neighbours, [[0] * 6] * 4]), category)
    assert terms[:2].tolist() == [3 / 5, 0.0]
    assert np.isnan(terms[2])


def test_chance_is_what_random_neighbours_give_on_average():
    random = np.random.default_rng(0)
    category = random.integers(0, 3, 60)
    kin = strangers(60)
    drawn = np.array(
        [[random.permutation(np.delete(np.arange(60), row))[:5] for row in range(60)] for _ in range(300)]
    )
    mean = np.mean([precision_terms(each, category) for each in drawn], axis=0)
    assert np.abs(mean - random_terms(kin, category)).max() < 0.06


def test_near_duplicates_are_barred_unless_kept():
    hashes = np.array([0, 1, 2**40 - 1, 2**50 - 1, 2**60 - 1], dtype=np.uint64)
    nobody = np.full(5, -1)
    vectors = np.array([[0.0], [0.1], [1], [2], [3]], dtype=np.float32)
    category = np.array([0, 0, 1, 1, 1])
    found = {}
    for keep in (False, True):
        kin = Kinship(hashes, nobody, nobody, keep_duplicates=keep)
        near = lookalikes(vectors, Search("exact", "euclidean"), kin, 5, lambda _: None)
        found[keep] = (precision_terms(near, category)[0], random_terms(kin, category)[0])
    assert found[False] == (0.0, 0.0)
    assert found[True] == (0.25, 0.25)


def test_the_figure_is_the_mean_of_what_is_known_with_an_interval():
    terms = np.array([0.0, 1.0, 0.5, np.nan])
    found = precision_figure(terms, resamples=200, seed=1)
    assert found["value"] == pytest.approx(0.5)
    assert found["low"] < 0.5 < found["high"]
    assert precision_figure(np.full(3, np.nan), resamples=10)["value"] is None
