"""Groups for a split: movie, series and near-duplicates joined, however long the chain."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.grouping import Kinship, near_pairs, numbered


def test_a_chain_of_series_duplicate_and_movie_is_one_group():
    far = [0, 2**40 - 1, 2**20 - 1, (2**20 - 1) ^ 0b11, 0xFF << 50]
    kin = Kinship(
        np.array(far, dtype=np.uint64),
        numbered(["m", "m", "", "", ""]),
        numbered(["", "s", "s", "", ""]),
    )
    groups = kin.groups()
    assert len(set(groups[:4].tolist())) == 1
    assert groups[4] != groups[0]


def test_posters_that_are_no_kin_stand_alone():
    kin = Kinship(np.array([0, 2**30 - 1, 2**60 - 1], np.uint64), np.full(3, -1), np.full(3, -1))
    assert len(set(kin.groups().tolist())) == 3


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 255), min_size=2, max_size=40))
def test_near_pairs_are_all_pairs_within_six_bits(values):
    hashes = np.array(values, dtype=np.uint64)
    found = {tuple(pair) for block in near_pairs(hashes) for pair in block.tolist()}
    expected = {
        (one, other)
        for one in range(len(values))
        for other in range(one + 1, len(values))
        if (values[one] ^ values[other]).bit_count() <= 6
    }
    assert found == expected


def test_many_copies_of_one_picture_are_one_group():
    kin = Kinship(np.zeros(5000, np.uint64), np.full(5000, -1), np.full(5000, -1))
    assert set(kin.groups().tolist()) == {0}
