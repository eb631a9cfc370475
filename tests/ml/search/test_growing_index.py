"""A file and rows added to it are searched as one index over all rows, true order and ties included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.search.growing_index import GrowingIndex
from ml.search.hubness import STRENGTH, HubCorrection, hub_correction, penalties_of_added
from ml.search.neighbours import ExactIndex, Metric
from tests.ml.search.test_hub_correction import cosine, crowd


@st.composite
def histories(draw):
    """Number of rows of the file; ids of additions, some of which replace rows; whether there are ties."""
    ids = st.lists(st.integers(0, 60), min_size=1, max_size=12, unique=True)
    return draw(st.integers(1, 40)), draw(st.lists(ids, max_size=3)), draw(st.booleans())


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(histories(), st.sampled_from(["cosine", "corrected", "euclidean"]), st.integers(1, 70))
def test_the_results_are_those_of_a_file_with_all_rows(history, metric, k):
    count, additions, is_tied = history
    random = np.random.default_rng(count + k)

    def made(number):
        values = random.integers(-1, 2, (number, 3)) if is_tied else random.normal(size=(number, 3))
        return values.astype(np.float16)

    ids = np.sort(random.choice(60, count, replace=False))
    vectors, queries = made(count), made(4)
    correction = hub_correction(vectors) if metric == "corrected" else None
    name: Metric = "euclidean" if metric == "euclidean" else "cosine"
    index = GrowingIndex(ids, vectors, name, correction)
    penalties = correction.penalties if correction else np.zeros(count, np.float32)
    every = dict(zip(ids.tolist(), zip(vectors, penalties, strict=True), strict=True))
    for added in additions:
        more = made(len(added))
        grown = index.adding(np.array(added), more)
        theirs = penalties_of_added(more, vectors, correction) if correction else np.zeros(len(more))
        every |= zip(added, zip(more, theirs, strict=True), strict=True)
        assert index is not grown
        index = grown
    order = sorted(every)
    whole = np.array([every[key][0] for key in order])
    if correction:
        correction = HubCorrection(
            correction.centre, np.array([every[key][1] for key in order], dtype=np.float32)
        )
    expected, rows = ExactIndex(whole, name, correction).query(queries, k)
    distances, found = index.query(queries, k)
    assert np.array_equal(distances, expected)
    assert np.array_equal(found, np.array(order)[rows])
    assert len(index) == len(every)
    assert np.array_equal(index.vectors_of(order[::-1]), whole[::-1])


def test_an_index_that_others_search_meanwhile_does_not_change():
    vectors = np.eye(3, dtype=np.float16)
    index = GrowingIndex(np.array([2, 5, 9]), vectors)
    grown = index.adding(np.array([7, 5]), vectors[:2])
    assert (len(index), index.added) == (3, 0) and (len(grown), grown.added) == (4, 2)
    assert index.query(vectors[1], 1)[1].tolist() == [[5]]
    assert grown.query(vectors[1], 2)[1].tolist() == [[5, 2]]
    assert grown.query(vectors[0], 2)[1].tolist() == [[2, 7]]


def test_penalties_of_added_rows_are_those_of_rows_that_are_no_references(monkeypatch):
    """Adding rows with the values of the file's own gives their own penalties, unless they are references."""
    vectors = crowd(300, 12).astype(np.float16)
    monkeypatch.setattr("ml.search.hubness.REFERENCES", 40)
    correction = hub_correction(vectors, references=40)
    again = penalties_of_added(vectors, vectors, correction)
    same = np.isclose(again, correction.penalties, atol=2e-5)
    assert same.sum() == 260
    assert (again[~same] > correction.penalties[~same]).all()


def test_penalties_of_added_rows_agree_with_the_slow_way():
    vectors, added = crowd(60, 6).astype(np.float16), crowd(9, 6, seed=1).astype(np.float16)
    correction = hub_correction(vectors)
    others = vectors.astype(float) - correction.centre
    for row, penalty in zip(added, penalties_of_added(added, vectors, correction), strict=True):
        nearest = sorted(cosine(row.astype(float) - correction.centre, other) for other in others)[-10:]
        assert penalty == pytest.approx(STRENGTH * 60 / 110 * np.mean(nearest), abs=2e-5)
    assert (penalties_of_added(added, vectors[:0], hub_correction(vectors[:0])) == 0).all()
