"""Duplicates: pairs proposed by hash or features, confirmed, and grouped without chains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageOps

from ml.imaging.images import perceptual_hash
from ml.imaging.registration import Grey, shrunk
from ml.search import near_duplicates
from ml.search.near_duplicates import Comparison, Pair
from tests.ml.imaging.drawings import drawing

HASHES = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=12)


def comparison(
    hashes: Sequence[int],
    pictures: Sequence[Grey | None] = (),
    apart: Sequence[frozenset[int]] = (),
    contents: Sequence[str] = (),
) -> Comparison:
    return Comparison(
        np.array(hashes, dtype=np.uint64),
        lambda row: contents[row] if contents else str(row),
        lambda row: pictures[row] if pictures else None,
        lambda row: apart[row] if apart else frozenset(),
    )


def bits(*numbers: int) -> int:
    return sum(1 << number for number in numbers)


def test_the_mirrored_hash_is_computed_from_the_hash() -> None:
    away = []
    for seed in range(20):
        picture = drawing(seed)
        here = np.array([int(perceptual_hash(picture), 16)], dtype=np.uint64)
        there = np.uint64(int(perceptual_hash(ImageOps.mirror(picture)), 16))
        away.append(int(np.bitwise_count(near_duplicates.mirrored(here)[0] ^ there)))
    assert np.mean(np.array(away) <= near_duplicates.PROPOSED_BITS) >= 0.9


@settings(deadline=None, max_examples=40)
@given(HASHES, st.data())
def test_candidate_pairs_agree_with_comparing_every_pair(hashes: list[int], data: st.DataObject) -> None:
    rows = list(range(len(hashes)))
    # Some near and some equal ones among them.
    hashes = [*hashes, hashes[0] ^ bits(3, 40), hashes[-1], hashes[0] ^ 0x5555555555555555]
    new = data.draw(st.sets(st.sampled_from(rows), min_size=1))
    held = np.array(hashes, dtype=np.uint64)
    found = set(near_duplicates.candidate_pairs(held, np.array(sorted(new))))
    leads = [hashes.index(each) for each in hashes]
    for one in range(len(hashes)):
        for other in range(one + 1, len(hashes)):
            apart = (hashes[one] ^ hashes[other]).bit_count()
            mirrored = (hashes[one] ^ hashes[other] ^ 0x5555555555555555).bit_count()
            near = min(apart, mirrored) <= near_duplicates.PROPOSED_BITS
            touched = bool({one, other} & new)
            if apart == 0:
                assert not touched or other not in new or (leads[other], other) in found
            elif near and touched and leads[one] == one and leads[other] == other:
                assert (one, other) in found
    for one, other in found:
        assert one < other
        away = min((hashes[one] ^ hashes[other] ^ mask).bit_count() for mask in (0, 0x5555555555555555))
        assert away <= near_duplicates.PROPOSED_BITS


def test_a_thousand_copies_make_a_thousand_pairs() -> None:
    hashes = np.full(1001, 7, dtype=np.uint64)
    assert len(set(near_duplicates.candidate_pairs(hashes, np.arange(1001)))) == 1000


def test_nearest_agrees_with_sorting_everything() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(70, 9)).astype(np.float32)
    numbers = random.permutation(1000)[:70]
    blocks = [(numbers[start : start + 16], vectors[start : start + 16]) for start in range(0, 70, 16)]
    rows, cosines = near_duplicates.nearest(vectors[:5], blocks, 4)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    every = unit[:5] @ unit.T
    expected = np.argsort(-every, axis=1)[:, :4]
    assert rows.tolist() == numbers[expected].tolist()
    np.testing.assert_allclose(cosines, np.take_along_axis(every, expected, 1), atol=1e-6)


def test_missing_rows_are_filled_up() -> None:
    one = np.ones((1, 2), dtype=np.float32)
    rows, cosines = near_duplicates.nearest(one, [(np.array([5]), one)], 3)
    assert rows.tolist() == [[5, -1, -1]] and cosines[0, 1] == -np.inf


def test_only_neighbours_of_each_other_are_proposed() -> None:
    neighbours = {1: [1, 2, 3], 2: [2, 1], 3: [3, 4], 4: [4, 3]}
    assert set(near_duplicates.reciprocal(np.array([1, 3]), neighbours)) == {(1, 2), (3, 4)}


def test_reasons() -> None:
    picture = drawing(0)
    cut = picture.crop((20, 30, 180, 270))
    changed = [picture, picture, picture, ImageOps.mirror(picture), cut, drawing(1)]
    hashes = [0, 0, bits(1, 2), 0xFFFF0000, 0xFFFF, 0xFF]
    pictures = [shrunk(np.asarray(each, dtype=np.float32)) for each in changed]
    same = comparison(hashes, pictures, contents=["a", "a", "b", "c", "d", "e"])
    found = [same(row, 0) for row in range(1, 6)]
    assert [pair.reason if pair else None for pair in found] == ["bytes", "hash", "mirrored", "cropped", None]
    assert found[1] == Pair(0, 2, "hash", 2)
    assert found[2] is not None and found[2].bits == 16 and (found[2].likeness or 0) > 0.95


def test_pairs_without_pictures_are_compared_by_their_hashes_alone() -> None:
    same = comparison([0, bits(*range(8)), 1, 0], [None] * 4)
    assert same(0, 1) is None
    assert same(0, 2) == Pair(0, 2, "hash", 1)
    assert same(0, 3) == Pair(0, 3, "hash", 0)  # another file


def test_posters_kept_apart_are_different_however_alike() -> None:
    same = comparison([0, 0, 0], apart=[frozenset({1}), frozenset({1, 2}), frozenset({2})])
    assert same(0, 1) is None and same(1, 2) is None
    assert same(0, 2) is not None


def grouped(same: Comparison, proposed: list[tuple[int, int]]) -> list[list[int]]:
    return near_duplicates.groups([pair for each in proposed if (pair := same(*each))], same)


@pytest.mark.parametrize(
    ("hashes", "proposed", "expected"),
    [
        # 0 and 1, 1 and 2 are 4 and 6 bits apart, 0 and 2 are 10: a chain is no group.
        ([0, bits(0, 1, 2, 3), bits(*range(10))], [(0, 1), (1, 2)], [[0, 1]]),
        ([0, bits(0, 1), bits(2, 3), 1 << 40, 0], [(0, 1), (0, 2), (0, 3), (0, 4)], [[0, 1, 2, 3, 4]]),
    ],
)
def test_groups_hold_what_is_alike_all_round(
    hashes: list[int], proposed: list[tuple[int, int]], expected: list[list[int]]
) -> None:
    assert grouped(comparison(hashes), proposed) == expected


def test_copies_kept_apart_never_meet_in_a_group_through_others() -> None:
    apart = [frozenset({9}), frozenset({9}), frozenset(), frozenset()]
    found = grouped(comparison([0, 0, 0, 0], apart=apart), [(0, 2), (1, 2), (0, 3)])
    assert sum(len(rows) for rows in found) >= 3
    assert not any({0, 1} <= set(rows) for rows in found)


@settings(deadline=None, max_examples=40)
@given(HASHES, st.data())
def test_every_row_of_a_group_shows_what_every_other_shows(hashes: list[int], data: st.DataObject) -> None:
    for _ in range(6):
        near = data.draw(st.sampled_from(hashes))
        hashes = [*hashes, near ^ bits(*data.draw(st.sets(st.integers(0, 63), max_size=5)))]
    same = comparison(hashes)
    found = grouped(same, list(near_duplicates.candidate_pairs(same.hashes, np.arange(len(hashes)))))
    rows = [row for group in found for row in group]
    assert len(rows) == len(set(rows))
    for group in found:
        assert len(group) > 1
        assert all(same(one, other) for one in group for other in group if one != other)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_pairs_makes_no_difference(seed: int) -> None:
    random = np.random.default_rng(seed)
    hashes = [int(each) for each in random.integers(0, 4, 12)] + [bits(*range(6))]
    same = comparison(hashes)
    pairs = [(one, other) for one in range(13) for other in range(one)]
    shuffled = [pairs[index] for index in random.permutation(len(pairs))]
    assert grouped(same, pairs) == grouped(same, shuffled)
