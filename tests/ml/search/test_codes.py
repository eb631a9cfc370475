"""Codes bound the scores of rows: never wrongly, and tightly enough to leave few rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.search.codes import Metric, make_codes, read_codes, rounded, slack_facts, write_codes
from ml.search.hubness import HubCorrection, hub_correction
from ml.search.neighbours import ExactIndex
from tests.ml.search.test_hub_correction import crowd

CASES: list[tuple[Metric, bool]] = [("cosine", False), ("cosine", True), ("euclidean", False)]


def correction_of(vectors: np.ndarray, is_corrected: bool) -> HubCorrection | None:
    return hub_correction(vectors) if is_corrected else None


@pytest.mark.parametrize(("metric", "is_corrected"), CASES)
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_true_scores_are_between_the_bounds(metric: Metric, is_corrected: bool, scale: float) -> None:
    vectors = (crowd(300, 24) * scale).astype(np.float32)
    correction = correction_of(vectors, is_corrected)
    made = make_codes(vectors, metric, correction)
    query = vectors[7].astype(float) * 0.9 + 0.3 * scale
    rows, centre, penalties = vectors.astype(float), np.zeros(24), np.zeros(300)
    if correction:
        centre, penalties = correction.centre.astype(float), correction.penalties.astype(float)
    points, point = rows, query
    if metric == "cosine":
        points = (rows - centre) / np.linalg.norm(rows - centre, axis=1)[:, None]
        point = (query - centre) / np.linalg.norm(query - centre)
    moved, point = points - made.mean, point - made.mean
    expected = moved @ point - (moved**2).sum(axis=1) / 2 - penalties
    codes, steps, rests = rounded(point[None])
    weights = np.array([0, np.linalg.norm(point), rests[0], 1]) / steps[0]
    upper = (made.facts[:, 0] * (made.codes.astype(int) @ codes[0]) + made.facts @ weights) * steps[0]
    lower = upper - 2 * (slack_facts(made.facts) @ weights) * steps[0]
    assert (lower <= expected).all() and (expected <= upper).all()
    assert (upper - lower).max() < np.ptp(expected) / 8


@pytest.mark.parametrize(("metric", "is_corrected"), CASES)
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_few_rows_are_compared_exactly_even_far_from_the_origin(
    metric: Metric, is_corrected: bool, offset: float
) -> None:
    vectors = (crowd(3000, 64) + offset).astype(np.float32)
    index = ExactIndex(vectors, metric, correction_of(vectors, is_corrected))
    compared = []
    exactly = index._distances
    index._distances = lambda *args: compared.append(len(args[-1])) or exactly(*args)  # type: ignore[method-assign,func-returns-value]
    assert index.query(vectors[5], 5)[1][0, 0] == 5
    index.query(vectors[10:20], 5)
    assert compared[0] < 100 and compared[1] < 1000


@pytest.mark.parametrize(("metric", "is_corrected"), CASES)
def test_codes_of_files_give_the_same_results(metric: Metric, is_corrected: bool, tmp_path: Path) -> None:
    vectors = crowd(200, 8).astype(np.float16)
    correction = correction_of(vectors, is_corrected)
    files = tmp_path / "codes.npy", tmp_path / "codes.npz"
    write_codes(vectors, metric, correction, files)
    codes = read_codes(files, vectors.shape)
    assert isinstance(codes.codes, np.memmap)
    one = ExactIndex(vectors, metric, correction, codes).query(vectors[:9], 7)
    other = ExactIndex(vectors, metric, correction).query(vectors[:9], 7)
    assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])
    for shape in ((199, 8), (200, 9)):
        with pytest.raises(ValueError, match="codes"):
            read_codes(files, shape)


def test_products_of_very_long_vectors_fit_into_32_bits() -> None:
    codes, _, _ = rounded(np.ones((1, 200_000)))
    assert codes.max() > 100 and int(codes.max()) ** 2 * 200_000 < 2**31
