"""Search with a hub correction gives the exact order of corrected distances, for any query."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import ml.search.neighbours
from ml.search.hubness import HubCorrection, hub_correction
from ml.search.neighbours import ExactIndex

tied = st.sampled_from([-2.0, -1.0, 0.0, 0.0, 1.0, 3.0])
free = st.floats(-100, 100, width=16).map(lambda x: 0.0 if abs(x) < 1e-2 else x)


def slow(vectors, queries, correction):
    """Corrected distances (q, n) one pair at a time, in float64, by their definition."""
    distances = np.empty((len(queries), len(vectors)))
    centre = correction.centre.astype(np.float64)
    for i, query in enumerate(np.asarray(queries, dtype=np.float64)):
        for j, row in enumerate(np.asarray(vectors, dtype=np.float64)):
            one, other = query - centre, row - centre
            # What is nearer to the centre than rounding has no direction.
            flat = any(np.linalg.norm(a) < 1e-6 * np.linalg.norm(b) for a, b in ((one, query), (other, row)))
            lengths = np.linalg.norm(one) * np.linalg.norm(other)
            cosine = 0.0 if flat or not lengths else one @ other / lengths
            distances[i, j] = 1 - cosine + correction.penalties[j]
    return distances


def check(vectors, queries, k, correction):
    distances, rows = ExactIndex(vectors, "cosine", correction).query(queries, k)
    every = slow(vectors, queries, correction)
    expected = np.sort(every, axis=1)[:, :k]
    assert np.allclose(distances, expected, rtol=1e-5, atol=2e-6)
    assert np.allclose(np.take_along_axis(every, rows, axis=1), expected, rtol=1e-5, atol=2e-6)
    assert all(len(set(row)) == len(row) for row in rows.tolist())
    same = np.diff(distances, axis=1) == 0
    assert (np.diff(rows, axis=1)[same] > 0).all()


@st.composite
def searches(draw):
    dims = draw(st.integers(1, 6))
    elements = draw(st.sampled_from([tied, free]))
    vectors = draw(arrays.arrays(np.float32, (draw(st.integers(1, 90)), dims), elements=elements))
    queries = draw(arrays.arrays(np.float32, (draw(st.integers(1, 4)), dims), elements=elements))
    centre = draw(arrays.arrays(np.float32, dims, elements=elements))
    penalties = draw(arrays.arrays(np.float32, len(vectors), elements=st.floats(-0.5, 0.5, width=16)))
    return vectors, queries, draw(st.integers(1, 100)), HubCorrection(centre, penalties)


@settings(max_examples=50, deadline=None)
@given(searches(), st.sampled_from([np.float16, np.float32]))
def test_it_agrees_with_the_slow_reference(search, dtype):
    vectors, queries, k, correction = search
    check(vectors.astype(dtype), queries, k, correction)


@pytest.mark.parametrize("offset", [0.0, 5.0, 300.0])
def test_far_from_the_origin_in_many_blocks(offset, monkeypatch):
    """Where the centre is far longer than what differs, a float32 product alone would see noise."""
    monkeypatch.setattr(ml.search.neighbours, "_ROWS", 128)
    monkeypatch.setattr(ml.search.neighbours, "_QUERIES", 7)
    random = np.random.default_rng(2)
    vectors = (offset + random.normal(size=(400, 24))).astype(np.float32)
    strangers = (offset + random.normal(size=(6, 24))).astype(np.float32)
    check(vectors, np.concatenate([vectors[:6], strangers]), 10, hub_correction(vectors))


def test_without_centre_and_penalties_it_is_plain_cosine():
    random = np.random.default_rng(3)
    vectors = random.normal(size=(400, 20)).astype(np.float32)
    nothing = HubCorrection(np.zeros(20, np.float32), np.zeros(400, np.float32))
    plain, corrected = ExactIndex(vectors), ExactIndex(vectors, "cosine", nothing)
    plain_distances, plain_rows = plain.query(vectors[:9], 10)
    distances, rows = corrected.query(vectors[:9], 10)
    assert np.array_equal(plain_rows, rows)
    assert np.array_equal(plain_distances, distances)


def test_a_case_by_hand():
    vectors = np.array([[2, 1], [1, 2], [0, 1]], dtype=np.float32)
    correction = HubCorrection(np.array([1, 1], np.float32), np.array([0.5, 0.25, 0], np.float32))
    # From the centre (1, 1) the rows lie east, north and west; the query lies north-east.
    distances, rows = ExactIndex(vectors, "cosine", correction).query([2, 2], 3)
    assert rows.tolist() == [[1, 0, 2]]
    half = np.sqrt(0.5)
    assert np.allclose(distances, [[1 - half + 0.25, 1 - half + 0.5, 1 + half]])


def test_a_correction_of_other_vectors_is_refused():
    vectors = np.ones((3, 4), np.float32)
    for other in (np.ones((4, 4), np.float32), np.ones((3, 5), np.float32)):
        with pytest.raises(ValueError, match="other vectors"):
            ExactIndex(vectors, "cosine", hub_correction(other))
    with pytest.raises(ValueError, match="cosine"):
        ExactIndex(vectors, "euclidean", hub_correction(vectors))
