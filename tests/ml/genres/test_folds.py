"""Folds: each row in one, groups whole, genres and rows shared out alike."""

import numpy as np
import pytest

from ml.genres.splitting import folds
from ml.genres.training_set import TrainingDataError
from tests.ml.genres.catalogues import informative


def test_folds_hold_like_shares_of_rows_and_genres():
    labels = informative(rows=500).labels
    fold = folds(None, labels, 5)
    assert np.bincount(fold) == pytest.approx([100] * 5, abs=12)
    for genre in range(labels.shape[1]):
        shares = np.bincount(fold, weights=labels[:, genre])
        assert shares == pytest.approx([labels[:, genre].mean() * 100] * 5, abs=8)


def test_a_group_never_straddles_folds():
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


def test_one_group_cannot_be_dealt_out():
    with pytest.raises(TrainingDataError, match="belong to one group"):
        folds(np.zeros(30, dtype=int), np.ones((30, 1), dtype=np.uint8), 5)
