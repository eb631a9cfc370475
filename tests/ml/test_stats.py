"""Bootstrap intervals: repeatable, paired, and as wide as theory says."""

import numpy as np
import pytest

from ml.genres.metrics import bootstrap_interval, macro_f1, predict_everything_macro_f1
from tests.ml.genres.catalogues import random_scores


def test_the_interval_of_a_mean_matches_the_normal_theory():
    values = np.random.default_rng(1).normal(size=400)
    low, high = bootstrap_interval(lambda x: float(x.mean()), values, n=2000, seed=3)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_one_seed_gives_one_interval():
    values = np.arange(50.0)
    first, again, other = (
        bootstrap_interval(lambda x: float(x.mean()), values, n=50, seed=seed) for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_rows_of_all_arrays_are_drawn_together():
    values = np.arange(30.0)
    assert bootstrap_interval(lambda a, b: float(np.abs(a - b).max()), values, values.copy(), n=20) == (0, 0)


def test_figures_measured_together_share_their_resamples():
    truth, scores = random_scores(60, 3)

    def both(y, s):
        return np.array([macro_f1(y, s), predict_everything_macro_f1(y)])

    low, high = bootstrap_interval(both, truth, scores, n=100, seed=5)
    alone = bootstrap_interval(macro_f1, truth, scores, n=100, seed=5)
    assert (low[0], high[0]) == alone
    assert low.shape == high.shape == (2,)
    assert (low <= both(truth, scores)).all()
    assert (both(truth, scores) <= high).all()


def test_a_figure_undefined_in_every_resample_stays_undefined_without_a_warning(recwarn):
    low, high = bootstrap_interval(lambda x: np.array([x.mean(), np.nan]), np.arange(5.0), n=10)
    assert np.isnan(low[1])
    assert np.isnan(high[1])
    assert low[0] <= 2 <= high[0]
    assert not recwarn.list


def test_arrays_of_different_length_are_refused():
    with pytest.raises(ValueError, match="same number"):
        bootstrap_interval(lambda a, b: 0.0, np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="needs rows"):
        bootstrap_interval(lambda a: 0.0, np.zeros(0))
