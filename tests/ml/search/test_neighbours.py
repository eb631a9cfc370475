"""Both indexes give the true neighbours in the true order, with and without hub correction."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.neighbors import NearestNeighbors

import ml.search.codes
import ml.search.neighbours
from ml.search.hubness import HubCorrection, hub_correction
from ml.search.neighbours import BallTreeIndex, ExactIndex, Metric, NeighbourIndex


def rows(values):
    return np.array(values, dtype=np.float32)


def slow(vectors, queries, metric, correction=None):
    """Distances (q, n) of all pairs, in float64, by the definitions."""
    centre = correction.centre.astype(np.float64) if correction else 0
    queries, vectors = (np.asarray(each, dtype=np.float64) for each in (queries, vectors))
    ones, others = queries - centre, vectors - centre
    if metric == "euclidean":
        return np.linalg.norm(ones[:, None] - others, axis=2)

    def directions(moved, rows):
        lengths = np.linalg.norm(moved, axis=1)
        # What is nearer to the centre than rounding has no direction.
        flat = (lengths == 0) | (lengths < 1e-6 * np.linalg.norm(rows, axis=1))
        return np.where(flat[:, None], 0, moved / np.where(flat, 1, lengths)[:, None])

    cosines = (directions(ones, queries)[:, None] * directions(others, vectors)).sum(axis=2)
    return 1 - cosines + (correction.penalties if correction else 0)


def check(index: NeighbourIndex, vectors, queries, k, metric, correction=None):
    distances, indexes = index.query(queries, k)
    every = slow(vectors, queries, metric, correction)
    expected = np.sort(every, axis=1)[:, :k]
    assert distances.dtype == np.float32 and indexes.dtype == np.int64
    assert distances.shape == indexes.shape == expected.shape
    assert np.allclose(distances, expected, rtol=1e-5, atol=2e-6)
    assert np.allclose(np.take_along_axis(every, indexes, axis=1), expected, rtol=1e-5, atol=2e-6)
    assert (np.diff(distances, axis=1) >= 0).all()
    assert all(len(set(row)) == len(row) for row in indexes.tolist())
    same = np.diff(distances, axis=1) == 0
    assert (np.diff(indexes, axis=1)[same] > 0).all()


# Few distinct values, so that ties, zero vectors and copies are common.
tied = st.sampled_from([-2.0, -1.0, 0.0, 0.0, 1.0, 3.0])
free = st.floats(-100, 100, width=16).map(lambda x: 0.0 if abs(x) < 1e-2 else x)


@st.composite
def searches(draw):
    """Vectors, queries, k and a hub correction."""
    dims = draw(st.integers(1, 6))
    elements = draw(st.sampled_from([tied, free]))
    vectors = draw(arrays.arrays(np.float32, (draw(st.integers(1, 90)), dims), elements=elements))
    queries = draw(arrays.arrays(np.float32, (draw(st.integers(1, 4)), dims), elements=elements))
    centre = draw(arrays.arrays(np.float32, dims, elements=elements))
    penalties = draw(arrays.arrays(np.float32, len(vectors), elements=st.floats(-0.5, 0.5, width=16)))
    return vectors, queries, draw(st.integers(1, 100)), HubCorrection(centre, penalties)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    searches(),
    st.sampled_from(["cosine", "euclidean", "corrected"]),
    st.sampled_from([np.float16, np.float32]),
)
def test_exact_agrees_with_the_slow_reference(search, metric, dtype):
    vectors, queries, k, correction = search
    vectors = vectors.astype(dtype)
    if metric == "corrected":
        check(ExactIndex(vectors, "cosine", correction), vectors, queries, k, "cosine", correction)
    else:
        check(ExactIndex(vectors, metric), vectors, queries, k, metric)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(searches())
def test_the_ball_tree_agrees_with_the_slow_reference(search):
    vectors, queries, k, _ = search
    check(BallTreeIndex(vectors), vectors, queries, k, "euclidean")


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_ties_come_in_the_order_of_their_rows_even_at_the_cut(metric):
    vectors = np.tile(rows([[1, 2, 2], [3, 0, 4]]), (100, 1))
    distances, indexes = ExactIndex(vectors, metric).query(rows([[1, 2, 2]]), 5)
    assert indexes.tolist() == [[0, 2, 4, 6, 8]]
    assert distances.tolist() == [[0, 0, 0, 0, 0]]
    assert BallTreeIndex(vectors).query([1, 2, 2], 5)[1].tolist() == [[0, 2, 4, 6, 8]]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_many_blocks_agree_with_scikit_learn(metric, monkeypatch):
    monkeypatch.setattr(ml.search.codes, "_NUMBERS", 128 * 24)
    monkeypatch.setattr(ml.search.neighbours, "_FIRST_ROWS", 128)
    monkeypatch.setattr(ml.search.neighbours, "_AT_ONCE", 256)
    monkeypatch.setattr(ml.search.neighbours, "_QUERIES", 7)
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(2000, 64)).astype(np.float32)
    queries = np.concatenate([vectors[:10], rng.normal(size=(10, 64)).astype(np.float32)])
    distances, indexes = ExactIndex(vectors, metric).query(queries, 10)
    reference = NearestNeighbors(n_neighbors=10, metric=metric, algorithm="brute").fit(vectors.astype(float))
    expected, order = reference.kneighbors(queries.astype(float))
    assert np.array_equal(indexes, order)
    assert np.allclose(distances, expected, atol=1e-6)
    assert np.allclose(distances[:10, 0], 0)


def test_near_copies_far_from_the_origin_are_ordered():
    """The usual |a|² + |b|² - 2ab in float32 sees only noise here."""
    rng = np.random.default_rng(5)
    steps = rng.permutation(300)
    vectors = np.full((300, 8), 1000, dtype=np.float32)
    vectors[:, 0] += steps.astype(np.float32) / 128
    distances, indexes = ExactIndex(vectors, "euclidean").query(np.full(8, 1000.0), 300)
    assert np.array_equal(steps[indexes[0]], np.arange(300))
    assert np.allclose(distances[0], np.arange(300) / 128)


@pytest.mark.parametrize("offset", [0.0, 5.0, 300.0])
def test_corrected_search_far_from_the_origin_in_many_blocks(offset, monkeypatch):
    """Where the centre is far longer than what differs, a float32 product alone would see noise."""
    monkeypatch.setattr(ml.search.codes, "_NUMBERS", 128 * 24)
    monkeypatch.setattr(ml.search.neighbours, "_FIRST_ROWS", 128)
    monkeypatch.setattr(ml.search.neighbours, "_AT_ONCE", 256)
    monkeypatch.setattr(ml.search.neighbours, "_QUERIES", 7)
    random = np.random.default_rng(2)
    vectors = (offset + random.normal(size=(400, 24))).astype(np.float32)
    strangers = (offset + random.normal(size=(6, 24))).astype(np.float32)
    correction = hub_correction(vectors)
    queries = np.concatenate([vectors[:6], strangers])
    check(ExactIndex(vectors, "cosine", correction), vectors, queries, 10, "cosine", correction)


def test_corrected_search_by_hand():
    vectors = np.array([[2, 1], [1, 2], [0, 1]], dtype=np.float32)
    correction = HubCorrection(np.array([1, 1], np.float32), np.array([0.5, 0.25, 0], np.float32))
    # From the centre (1, 1) the rows lie east, north and west; the query lies north-east.
    distances, rows = ExactIndex(vectors, "cosine", correction).query([2, 2], 3)
    assert rows.tolist() == [[1, 0, 2]]
    half = np.sqrt(0.5)
    assert np.allclose(distances, [[1 - half + 0.25, 1 - half + 0.5, 1 + half]])


def test_a_zero_vector_is_at_cosine_distance_one_from_everything():
    vectors = rows([[0, 0], [1, 0], [-1, 0]])
    distances, indexes = ExactIndex(vectors).query(rows([[2, 0], [0, 0]]), 3)
    assert indexes.tolist() == [[1, 0, 2], [0, 1, 2]]
    assert distances.tolist() == [[0, 1, 2], [1, 1, 1]]


def test_an_empty_index_or_no_query_gives_nothing():
    assert ExactIndex(np.empty((0, 4), np.float32)).query(np.ones((2, 4)), 5)[1].shape == (2, 0)
    vectors = np.ones((3, 4), np.float32)
    for index in (ExactIndex(vectors), BallTreeIndex(vectors)):
        assert index.query(np.empty((0, 4)), 5)[0].shape == (0, 3)
        assert len(index) == 3


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused_by_row(wrong):
    vectors = np.ones((5, 3), np.float32)
    vectors[3, 1] = wrong
    with pytest.raises(ValueError, match="Row 3"):
        ExactIndex(vectors)
    with pytest.raises(ValueError, match="finite"):
        BallTreeIndex(vectors)
    for index in (ExactIndex(vectors[:3]), BallTreeIndex(vectors[:3])):
        with pytest.raises(ValueError, match="finite"):
            index.query([1, wrong, 1], 1)


def test_wrong_shapes_types_and_counts_are_refused():
    vectors = np.ones((3, 4), np.float32)
    for make in (ExactIndex, BallTreeIndex):
        with pytest.raises(ValueError, match="matrix"):
            make(np.ones(4, np.float32))
        with pytest.raises(ValueError, match="shape"):
            make(vectors).query(np.ones(5), 1)
        with pytest.raises(ValueError, match="k must be"):
            make(vectors).query(np.ones(4), 0)
    with pytest.raises(ValueError, match="float16"):
        ExactIndex(vectors.astype(np.int32))
    with pytest.raises(ValueError, match="metric"):
        ExactIndex(vectors, "manhattan")  # type: ignore[arg-type]


def test_a_correction_of_other_vectors_is_refused():
    vectors = np.ones((3, 4), np.float32)
    for other in (np.ones((4, 4), np.float32), np.ones((3, 5), np.float32)):
        with pytest.raises(ValueError, match="other vectors"):
            ExactIndex(vectors, "cosine", hub_correction(other))
    with pytest.raises(ValueError, match="cosine"):
        ExactIndex(vectors, "euclidean", hub_correction(vectors))


def test_a_memory_map_is_searched_without_being_read_into_memory_whole(tmp_path):
    count, dims = 60_000, 64
    stored = np.memmap(tmp_path / "vectors.f2", dtype=np.float16, mode="w+", shape=(count, dims))
    stored[:] = np.random.default_rng(6).normal(size=(count, dims))
    stored.flush()
    tracemalloc.start()
    try:
        index = ExactIndex(
            np.memmap(tmp_path / "vectors.f2", dtype=np.float16, mode="r", shape=(count, dims))
        )
        _, indexes = index.query(stored[[5, 59_999]].astype(np.float32), 3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert indexes[:, 0].tolist() == [5, 59_999]
    assert peak < count * dims * 4


def test_rows_that_rounding_cannot_tell_apart_are_ordered_by_their_true_distance():
    """As float16, all rows are equal; one of them is nearer than the others by the last digits of float32."""
    vectors = np.ones((5000, 16), np.float32)
    vectors[:, 0] += np.random.default_rng(8).permutation(5000).astype(np.float32) * 1e-6
    for metric in ("cosine", "euclidean"):
        check(ExactIndex(vectors, metric), vectors, vectors[:3], 6, metric)
    distances, indexes = ExactIndex(vectors, "euclidean").query(vectors[4321], 1)
    assert indexes.tolist() == [[4321]] and distances.tolist() == [[0]]


def test_rows_in_the_centre_and_very_long_rows_do_not_overflow():
    vectors = rows([[1e14, 1e14], [1e14, 0], [1e-20, 1e-20], [0, 0], [1, 2]])
    correction = HubCorrection(vectors[0], np.zeros(5, np.float32))
    cases: list[tuple[Metric, HubCorrection | None]]
    cases = [("cosine", None), ("cosine", correction), ("euclidean", None)]
    for metric, corrected in cases:
        distances, indexes = ExactIndex(vectors, metric, corrected).query(vectors, 5)
        assert np.isfinite(distances).all() and (np.sort(indexes) == np.arange(5)).all()
    assert ExactIndex(vectors, "euclidean").query(vectors, 1)[1][:, 0].tolist() == [0, 1, 2, 3, 4]
