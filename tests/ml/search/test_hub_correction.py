"""Hub correction agrees with a slow reference, and makes hubs and never recommended rows rarer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import ml.search.hubness
from ml.search.hubness import (
    SHRINKAGE,
    STRENGTH,
    CorrectionUnreadable,
    HubCorrection,
    hub_correction,
    read_correction,
    write_correction,
)
from ml.search.neighbours import ExactIndex


def crowd(count, dims, seed=0, families=10, apart=0.4):
    """Vectors as a ConvNet gives them: far from the origin, in families, some nearer to all than others."""
    random = np.random.default_rng(seed)
    middles = apart * random.normal(size=(families, dims))
    spread = random.gamma(2.0, 0.5, size=(count, 1))
    values = 1 + middles[np.arange(count) % families] + spread * random.normal(size=(count, dims))
    return values.astype(np.float32)


def cosine(one, other):
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    return one @ other / lengths if lengths else 0.0


def slow(vectors, nearest):
    """Centre and penalties by their definition, in float64, one pair at a time."""
    vectors = np.asarray(vectors, dtype=np.float64)
    certainty = len(vectors) / (len(vectors) + SHRINKAGE)
    centre = certainty * vectors.mean(axis=0)
    moved = vectors - centre
    crowding = []
    for row in range(len(vectors)):
        others = sorted(cosine(moved[row], moved[other]) for other in range(len(vectors)) if other != row)
        crowding.append(np.mean(others[-nearest:]) if others else 0.0)
    return centre, STRENGTH * certainty * np.array(crowding)


def appearances(vectors, correction=None, k=10):
    """In how many other rows' ten nearest each row is."""
    _, rows = ExactIndex(vectors, "cosine", correction).query(vectors, k + 1)
    others = [[row for row in found if row != asking][:k] for asking, found in enumerate(rows.tolist())]
    return np.bincount(np.concatenate(others), minlength=len(vectors))


@settings(max_examples=30, deadline=None)
@given(
    arrays.arrays(
        np.float16,
        st.tuples(st.integers(1, 30), st.integers(1, 6)),
        elements=st.floats(-50, 50, width=16).map(lambda x: 0.0 if abs(x) < 1e-2 else x),
    ),
    st.integers(1, 12),
)
def test_it_agrees_with_the_slow_way(vectors, nearest):
    # Rows in the very centre have no direction, however rounding goes.
    vectors = vectors + np.arange(1, vectors.size + 1, dtype=np.float16).reshape(vectors.shape) / 64
    found = hub_correction(vectors, nearest=nearest)
    centre, penalties = slow(vectors, nearest)
    assert found.centre.dtype == found.penalties.dtype == np.float32
    assert np.allclose(found.centre, centre, rtol=1e-5, atol=1e-5)
    assert np.allclose(found.penalties, penalties, atol=2e-3)


def test_blocks_and_parts_change_nothing(monkeypatch):
    vectors = crowd(230, 12)
    whole = hub_correction(vectors)
    monkeypatch.setattr(ml.search.hubness, "_ROWS", 32)
    monkeypatch.setattr(ml.search.hubness, "_AT_ONCE", 12 * 50)
    parts = hub_correction(vectors)
    assert np.allclose(parts.centre, whole.centre, atol=1e-6)
    assert np.allclose(parts.penalties, whole.penalties, atol=2e-5)


@pytest.mark.slow
def test_hubs_and_the_never_recommended_go_and_relatives_are_still_found():
    vectors = crowd(400, 40, families=100)
    before, after = appearances(vectors), appearances(vectors, hub_correction(vectors))
    assert before.max() > 50 and (before == 0).mean() > 0.05
    assert after.max() < before.max() / 2
    assert (after == 0).mean() < (before == 0).mean() / 4
    vectors = crowd(400, 40, families=100, apart=1.0)

    def relatives(correction):
        _, rows = ExactIndex(vectors, "cosine", correction).query(vectors, 4)
        return (rows[:, 1:] % 100 == np.arange(400)[:, None] % 100).mean()

    assert relatives(hub_correction(vectors)) > 0.9 * relatives(None) > 0.4


def test_a_sample_of_references_gives_almost_the_same():
    vectors = crowd(400, 40)
    whole, part = hub_correction(vectors), hub_correction(vectors, references=200)
    assert np.array_equal(whole.centre, part.centre)
    assert np.corrcoef(whole.penalties, part.penalties)[0, 1] > 0.8
    assert appearances(vectors, part).max() < appearances(vectors).max() / 2


def test_equal_input_gives_equal_output_and_equal_rows_equal_penalties():
    vectors = np.tile(crowd(40, 16), (3, 1))
    one, other = hub_correction(vectors, references=70), hub_correction(vectors.copy(), references=70)
    assert np.array_equal(one.centre, other.centre) and np.array_equal(one.penalties, other.penalties)
    whole = hub_correction(vectors).penalties.reshape(3, 40)
    assert np.allclose(whole, whole[0], atol=1.5e-5)


def test_no_vectors_zero_vectors_and_equal_vectors_can_be_corrected():
    assert hub_correction(crowd(0, 8)).fits(crowd(0, 8))
    vectors = np.concatenate([np.zeros((3, 4)), np.ones((5, 4))]).astype(np.float16)
    found = hub_correction(vectors)
    assert np.isfinite(found.centre).all() and np.isfinite(found.penalties).all()
    same = np.ones((200, 4), dtype=np.float32)
    distances, rows = ExactIndex(same, "cosine", hub_correction(same)).query(same[:1], 5)
    assert rows.tolist() == [[0, 1, 2, 3, 4]] and np.ptp(distances) == 0


def test_a_correction_is_written_and_read_back(tmp_path):
    made = hub_correction(crowd(30, 5))
    write_correction(made, tmp_path / "hubs.npz")
    found = read_correction(tmp_path / "hubs.npz")
    assert np.array_equal(found.centre, made.centre) and np.array_equal(found.penalties, made.penalties)
    assert [path.name for path in tmp_path.glob("*.*")] == ["hubs.npz"]


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "hubs.npz"
    with pytest.raises(FileNotFoundError):
        read_correction(path)
    write_correction(hub_correction(crowd(30, 5)), path)
    for damaged in (path.read_bytes()[:200], b""):
        path.write_bytes(damaged)
        with pytest.raises(CorrectionUnreadable, match="damaged"):
            read_correction(path)
    wrong_ones: list[Any] = [np.full(3, np.nan, np.float32), np.ones(3), np.ones((3, 1), np.float32)]
    for wrong in wrong_ones:
        write_correction(HubCorrection(np.ones(2, np.float32), wrong), path)
        with pytest.raises(CorrectionUnreadable, match="penalties"):
            read_correction(path)


def test_what_cannot_be_corrected_is_refused():
    with pytest.raises(ValueError, match="matrix"):
        hub_correction(np.ones(4, np.float32))
    with pytest.raises(ValueError, match="nearest"):
        hub_correction(np.ones((4, 2), np.float32), nearest=0)
