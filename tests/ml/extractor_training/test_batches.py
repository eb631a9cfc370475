"""Which posters make up a step is decided by seed and step alone, and every poster has its turn."""

from __future__ import annotations

import numpy as np

from ml.extractor_training.batches import Order
from ml.extractor_training.plan import TrainingPlan

FRANCHISE = np.array([-1] * 20 + [0] * 5 + [1] * 5 + [2], dtype=np.int64)
# one poster of franchise 1 is not learned from
ROWS = np.array([row for row in range(31) if row != 27], dtype=np.int64)


def order(**settings: object) -> Order:
    return Order(TrainingPlan(pairs=5, epochs=3, memory=0, **settings), ROWS, FRANCHISE)  # type: ignore[arg-type]


def test_an_epoch_shows_every_poster_once():
    an_epoch, total = order().steps
    assert (an_epoch, total) == (6, 18)
    for epoch in range(3):
        first = [order().batch(epoch * 6 + step)[:5] for step in range(6)]
        assert sorted(np.concatenate(first).tolist()) == ROWS.tolist()


def test_a_step_can_be_had_again_and_another_seed_gives_another():
    whole = [order().batch(step) for step in range(18)]
    np.testing.assert_array_equal(order().batch(13), whole[13])
    assert not np.array_equal(order(seed=1).batch(13), whole[13])
    assert not np.array_equal(whole[0][:5], whole[6][:5])


def test_partners_are_the_poster_itself_or_of_its_franchise_and_learned_from():
    pairs = [order().batch(step).reshape(2, 5) for step in range(18)]
    mates = 0
    for row, partner in np.concatenate(pairs, axis=1).T.tolist():
        assert partner in ROWS
        assert partner == row or FRANCHISE[partner] == FRANCHISE[row] >= 0
        mates += partner != row
    # nine posters with mates in thirty, three epochs, six times in ten: sixteen expected
    assert 8 <= mates <= 24


def test_without_mates_every_poster_meets_itself():
    batch = order(mate_share=0.0).batch(4).reshape(2, 5)
    np.testing.assert_array_equal(batch[0], batch[1])
