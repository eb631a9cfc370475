"""Two sets of decisions on the same held-out posters: macro F1 of each, and their paired difference."""

from __future__ import annotations

import numpy as np
import pytest

from ml.genres.held_out import HeldOut, HeldOutError, compare_macro_f1
from tests.ml.genres.simple_metrics import macro_f1


def tables(rows=120, genres=4, seed=0):
    random = np.random.default_rng(seed)
    truth = random.random((rows, genres)) < 0.4
    noise = random.random((rows, genres))
    return truth, np.where(noise < 0.2, ~truth, truth), np.where(noise < 0.3, ~truth, truth)


def test_by_hand():
    truth = [[1, 0], [1, 1], [0, 1], [0, 0]]
    ours = [[1, 0], [1, 1], [0, 1], [0, 1]]  # F1 1 and 4/5
    theirs = [[1, 0], [0, 0], [0, 0], [0, 0]]  # F1 2/3 and 0
    found = compare_macro_f1(truth, ours, theirs, resamples=50)
    assert found["ours"]["value"] == pytest.approx(0.9)
    assert found["theirs"]["value"] == pytest.approx(1 / 3)
    assert found["difference"]["value"] == pytest.approx(0.9 - 1 / 3)


def test_figures_are_those_of_the_metrics_and_intervals_those_of_a_slow_paired_bootstrap():
    truth, ours, theirs = tables()
    found = compare_macro_f1(truth, ours, theirs, resamples=200, seed=3)
    assert found["ours"]["value"] == pytest.approx(macro_f1(truth, ours.astype(float)))
    random = np.random.default_rng(3)
    slow = []
    for _ in range(200):
        drawn = random.integers(0, len(truth), len(truth))
        f1 = [macro_f1(truth[drawn], table[drawn].astype(float)) for table in (ours, theirs)]
        slow.append([*f1, f1[0] - f1[1]])
    for place, name in enumerate(("ours", "theirs", "difference")):
        low, high = np.percentile(np.array(slow)[:, place], [2.5, 97.5])
        assert (found[name]["low"], found[name]["high"]) == (pytest.approx(low), pytest.approx(high))
    assert found["difference"]["low"] > 0


def test_equal_decisions_do_not_differ_and_changing_places_changes_the_sign():
    truth, ours, theirs = tables(seed=1)
    same = compare_macro_f1(truth, ours, ours, resamples=100)["difference"]
    assert same == {"value": 0.0, "low": 0.0, "high": 0.0}
    one, other = compare_macro_f1(truth, ours, theirs), compare_macro_f1(truth, theirs, ours)
    assert one["difference"]["low"] == pytest.approx(-other["difference"]["high"])
    assert (one["ours"], one["theirs"]) == (other["theirs"], other["ours"])


@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 2), (0, 2), (3, 0)])
def test_tables_that_do_not_belong_together_are_refused(shape):
    table = np.zeros((3, 2), dtype=bool)
    other = np.zeros(shape, dtype=bool)
    with pytest.raises(ValueError, match="tables of one shape"):
        compare_macro_f1(other, table, other)
    with pytest.raises(ValueError, match="tables of one shape"):
        compare_macro_f1(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 2)))


def test_it_is_read_as_it_was_saved_and_a_damaged_file_is_named(tmp_path):
    held = HeldOut(np.array([4, 9]), np.array([[True, False], [False, False]]))
    held.save(tmp_path / "held_out.npz")
    again = HeldOut.read(tmp_path / "held_out.npz")
    assert np.array_equal(again.rows, held.rows) and np.array_equal(again.taken, held.taken)
    (tmp_path / "held_out.npz").write_bytes(b"PK damaged")
    with pytest.raises(HeldOutError, match=r"held_out\.npz cannot be read"):
        HeldOut.read(tmp_path / "held_out.npz")
    with pytest.raises(HeldOutError, match="cannot be read"):
        HeldOut.read(tmp_path / "none.npz")
