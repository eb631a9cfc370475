"""Unit vectors: lengths, directions, and vectors without a direction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ml.vectors import unit_vectors

NUMBERS = st.floats(-1000, 1000, width=32).map(lambda value: round(value, 2))


@settings(deadline=None)
@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.just(3)), elements=NUMBERS),
    arrays.arrays(np.float32, 3, elements=NUMBERS) | st.none(),
)
def test_each_row_keeps_its_direction_and_has_length_one_or_zero(vectors, centre):
    found = unit_vectors(vectors, centre)
    assert found.dtype == np.float32
    for row, vector in zip(found, vectors, strict=True):
        moved = vector - (0 if centre is None else centre)
        length = np.linalg.norm(moved)
        if length > 1e-6 * np.linalg.norm(vector):
            assert row == pytest.approx(moved / length, abs=1e-5)
        else:
            assert not row.any()


def test_a_single_vector_and_float64_are_taken_as_they_are():
    found = unit_vectors(np.array([3.0, 4.0]))
    assert found.dtype == np.float64 and found.tolist() == pytest.approx([0.6, 0.8])
