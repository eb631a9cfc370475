"""Batches depend on seed and step only, and every epoch shows every poster."""

from __future__ import annotations

import numpy as np

from ml.extractor_training.plan import TrainingPlan
from ml.extractor_training.training_data import BatchSampler

FRANCHISE = np.array([-1] * 20 + [0] * 5 + [1] * 5 + [2], dtype=np.int64)
# One poster of franchise 1 is no training poster.
ROWS = np.array([row for row in range(31) if row != 27], dtype=np.int64)


def sampler(**settings: object) -> BatchSampler:
    return BatchSampler(TrainingPlan(pairs=5, epochs=3, memory=0, **settings), ROWS, FRANCHISE)  # type: ignore[arg-type]


def test_an_epoch_shows_every_poster_once():
    per_epoch, total = sampler().steps
    assert (per_epoch, total) == (6, 18)
    for epoch in range(3):
        first = [sampler().batch(epoch * 6 + step)[:5] for step in range(6)]
        assert sorted(np.concatenate(first).tolist()) == ROWS.tolist()


def test_a_step_can_be_repeated_and_another_seed_gives_another():
    whole = [sampler().batch(step) for step in range(18)]
    np.testing.assert_array_equal(sampler().batch(13), whole[13])
    assert not np.array_equal(sampler(seed=1).batch(13), whole[13])
    assert not np.array_equal(whole[0][:5], whole[6][:5])


def test_partners_are_the_poster_itself_or_training_posters_of_its_franchise():
    pairs = [sampler().batch(step).reshape(2, 5) for step in range(18)]
    others = 0
    for row, partner in np.concatenate(pairs, axis=1).T.tolist():
        assert partner in ROWS
        assert partner == row or FRANCHISE[partner] == FRANCHISE[row] >= 0
        others += partner != row
    # Nine of thirty posters have others in their franchise; three epochs, probability 0.6: 16 expected.
    assert 8 <= others <= 24


def test_without_franchises_each_partner_is_the_poster_itself():
    batch = sampler(mate_share=0.0).batch(4).reshape(2, 5)
    np.testing.assert_array_equal(batch[0], batch[1])
