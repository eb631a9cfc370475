"""Splits and folds: groups stay whole, genres are distributed evenly, one seed gives one split."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.genres.splitting import folds, split
from ml.genres.training_set import TrainingDataError
from tests.ml.genres.catalogues import informative


def catalogue(rows, genres, seed):
    random = np.random.default_rng(seed)
    labels = (random.random((rows, genres)) < np.linspace(0.5, 0.02, genres)).astype(np.uint8)
    return labels, random.integers(-1, max(2, rows // 3), rows)


@settings(deadline=None, max_examples=60)
@given(st.integers(4, 80), st.integers(1, 5), st.floats(0.05, 0.6), st.integers(0, 2**31))
def test_every_row_is_in_one_part_and_no_group_in_two(rows, genres, fraction, seed):
    labels, groups = catalogue(rows, genres, seed)
    groups[:2] = (0, 1)  # at least two groups
    train, held = split(groups, labels, fraction, seed)
    assert len(train) and len(held)
    assert sorted([*train, *held]) == list(range(rows))
    named = groups >= 0
    assert not set(groups[train][named[train]]) & set(groups[held][named[held]])


def test_genres_are_shared_out_in_proportion_even_the_rare_ones():
    labels, groups = catalogue(3000, 8, 4)
    _, held = split(groups, labels, 0.2, 0)
    share = labels[held].sum(axis=0) / labels.sum(axis=0)
    assert np.abs(share - 0.2).max() < 0.05
    assert len(held) / 3000 == pytest.approx(0.2, abs=0.03)


def test_posters_without_any_genre_are_shared_out_too():
    _, held = split(None, np.zeros((100, 3)), 0.2, 0)
    assert len(held) == pytest.approx(20, abs=2)


def test_a_negative_group_means_the_row_stands_alone():
    labels = np.ones((40, 1))
    train, held = split(np.full(40, -1), labels, 0.25, 0)
    assert len(held) == 10
    assert len(train) == 30


def test_one_seed_gives_one_split_and_another_seed_another():
    labels, groups = catalogue(200, 4, 1)
    first, again, other = (split(groups, labels, 0.3, seed)[1].tolist() for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_a_large_franchise_goes_whole_to_training():
    groups = np.array([7] * 60 + list(range(100, 140)))
    _, held = split(groups, np.ones((100, 1)), 0.2, 3)
    assert 7 not in groups[held]
    assert len(held) == pytest.approx(20, abs=1)


def test_folds_have_similar_shares_of_rows_and_genres():
    labels = informative(rows=500).labels
    fold = folds(None, labels, 5)
    assert np.bincount(fold) == pytest.approx([100] * 5, abs=12)
    for genre in range(labels.shape[1]):
        shares = np.bincount(fold, weights=labels[:, genre])
        assert shares == pytest.approx([labels[:, genre].mean() * 100] * 5, abs=8)


def test_a_group_is_in_one_fold():
    random = np.random.default_rng(0)
    groups = random.integers(-1, 60, 300)
    fold = folds(groups, (random.random((300, 3)) < 0.3).astype(np.uint8), 4)
    assert set(fold) == {0, 1, 2, 3}
    for group in range(60):
        assert len(set(fold[groups == group])) <= 1


def test_few_groups_make_few_folds():
    labels = np.ones((30, 1), dtype=np.uint8)
    assert len(set(folds(np.arange(30) % 3, labels, 5))) == 3
    assert len(set(folds(np.arange(30) % 2, labels, 5))) == 2


@pytest.mark.parametrize(("divide", "parts"), [(split, (0.2, 0)), (folds, (5,))])
def test_one_single_group_cannot_be_divided(divide, parts):
    with pytest.raises(TrainingDataError, match="belong to one group"):
        divide(np.zeros(30, dtype=int), np.ones((30, 2), dtype=np.uint8), *parts)
