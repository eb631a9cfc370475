"""Groups for a split: movie, series and near-duplicates joined, however long the chain."""

from __future__ import annotations

from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml import grouping
from ml.grouping import PosterRelations, group_numbers, near_pairs


def test_a_chain_of_series_duplicate_and_movie_is_one_group():
    far = [0, 2**40 - 1, 2**20 - 1, (2**20 - 1) ^ 0b11, 0xFF << 50]
    posters = PosterRelations(
        np.array(far, dtype=np.uint64),
        group_numbers(["m", "m", "", "", ""]),
        group_numbers(["", "s", "s", "", ""]),
    )
    groups = posters.split_groups()
    assert len(set(groups[:4].tolist())) == 1
    assert groups[4] != groups[0]


def test_unrelated_posters_have_groups_of_their_own():
    posters = PosterRelations(np.array([0, 2**30 - 1, 2**60 - 1], np.uint64), np.full(3, -1), np.full(3, -1))
    assert len(set(posters.split_groups().tolist())) == 3


def hashed(values):
    return np.array(values, dtype=np.uint64)


HASHES = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 255), min_size=1, max_size=40)


@given(HASHES, HASHES, st.integers(0, 12), st.sampled_from([7, 1 << 21]))
def test_near_pairs_are_all_pairs_within_so_many_bits(queries, hashes, bits, together):
    with mock.patch.object(grouping, "_PAIRS_AT_ONCE", together):
        blocks = list(near_pairs(hashed(queries), hashed(hashes), bits))
    assert [tuple(pair) for block in blocks for pair in block.tolist()] == [
        (row, column)
        for row, query in enumerate(queries)
        for column, value in enumerate(hashes)
        if (query ^ value).bit_count() <= bits
    ]


def test_many_copies_of_one_picture_are_one_group():
    posters = PosterRelations(np.zeros(5000, np.uint64), np.full(5000, -1), np.full(5000, -1))
    assert set(posters.split_groups().tolist()) == {0}
