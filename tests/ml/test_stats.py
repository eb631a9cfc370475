"""Bootstrap intervals against drawing rows one resample at a time; rankings against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from ml.stats import Ranking, bootstrap, mean_of_defined, ratio, resample_weights, weighted_means, wilson


def slow_bootstrap(statistic, values, resamples, seed):
    random = np.random.default_rng(seed)
    drawn = [statistic(values[random.integers(0, len(values), len(values))]) for _ in range(resamples)]
    return statistic(values), *np.nanpercentile(drawn, [2.5, 97.5], axis=0)


def means(values):
    return lambda weights: {"mean": weighted_means(weights, values)}


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from([1, 63, 64, 130]))
def test_intervals_are_those_of_drawing_rows(rows, seed, resamples):
    values = np.random.default_rng(seed).normal(size=(rows, 2, 3))
    found = bootstrap(means(values), rows, resamples=resamples, seed=seed)["mean"]
    expected = slow_bootstrap(lambda drawn: drawn.mean(axis=0), values, resamples, seed)
    for end, table in zip(("value", "low", "high"), expected, strict=True):
        assert np.array([[cell[end] for cell in row] for row in found]) == pytest.approx(table)


def test_the_interval_of_a_mean_matches_the_normal_theory():
    values = np.random.default_rng(1).normal(size=400)
    found = bootstrap(means(values), 400, resamples=2000, seed=3)["mean"]
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert found["low"] == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert found["high"] == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_a_statistic_undefined_in_every_resample_is_none_without_a_warning(recwarn):
    values = np.array([[1.0, np.nan], [2.0, np.nan]])
    known, unknown = bootstrap(means(values), 2, resamples=10)["mean"]
    assert unknown == {"value": None, "low": None, "high": None}
    assert known["low"] <= 1.5 <= known["high"]
    assert not recwarn.list


def test_a_bootstrap_needs_rows():
    with pytest.raises(ValueError, match="at least one row"):
        bootstrap(means(np.zeros(0)), 0)


def test_every_resample_draws_as_many_rows_as_there_are():
    tables = list(resample_weights(30, 130, 0))
    assert sum(len(table) for table in tables) == 130
    assert all((table.sum(axis=1) == 30).all() for table in tables)


def test_means_and_ratios_of_what_is_undefined_are_nan():
    assert weighted_means(np.array([[1.0, 2.0]]), np.array([3.0, np.nan])).tolist() == [3.0]
    assert mean_of_defined(np.array([[1.0, np.nan], [2.0, 4.0]])).tolist() == [1.0, 3.0]
    assert np.isnan(mean_of_defined(np.array([np.nan]))) and np.isnan(ratio(1, 0))


@settings(deadline=None)
@given(st.data())
def test_rankings_agree_with_scikit_learn_on_the_rows_repeated(data):
    rows = data.draw(st.integers(1, 25))
    whole = st.lists(st.integers(0, 3), min_size=rows, max_size=rows)
    scores = np.array(data.draw(whole), dtype=np.float32)
    positive = np.array(data.draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows)))
    weights = np.array(data.draw(whole))
    ranking = Ranking(positive, scores)
    repeated = np.repeat(positive, weights), np.repeat(scores, weights)
    precision, auc = (
        measure(weights[:, None].astype(np.float32)).tolist()
        for measure in (ranking.average_precision, ranking.auc)
    )
    if repeated[0].any():
        assert precision == pytest.approx([reference.average_precision_score(*repeated)])
    else:
        assert np.isnan(precision).all()
    if 0 < repeated[0].sum() < len(repeated[0]):
        assert auc == pytest.approx([reference.roc_auc_score(*repeated)])
    else:
        assert np.isnan(auc).all()


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # Of Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_agrees_with_published_intervals(part: int, whole: int, low: float, high: float) -> None:
    assert wilson(part, whole) == pytest.approx((low, high), abs=1e-4)
    mirrored = wilson(whole - part, whole)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-4)


def test_wilson_of_nothing_is_everything() -> None:
    assert wilson(0, 0) == (0, 1)


@pytest.mark.slow
@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_contains_the_share(counts: tuple[int, int]) -> None:
    low, high = wilson(*counts)
    assert 0 <= low <= counts[0] / counts[1] + 1e-9 and counts[0] / counts[1] - 1e-9 <= high <= 1
