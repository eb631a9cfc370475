"""Cohen's kappa: known values, limits, and intervals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from ml.genres.agreement import cohens_kappa


def test_it_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    first = random.random((200, 3)) < (0.5, 0.2, 0.8)
    second = np.where(random.random((200, 3)) < 0.8, first, ~first)
    for genre, found in enumerate(cohens_kappa(first, second, resamples=50)):
        assert found["value"] == pytest.approx(cohen_kappa_score(first[:, genre], second[:, genre]))
        assert found["low"] < found["value"] < found["high"]


def test_full_agreement_is_one_and_opposites_are_below_zero() -> None:
    table = np.array([[1], [0], [1], [0]])
    assert cohens_kappa(table, table, resamples=10)[0]["value"] == 1
    assert cohens_kappa(table, 1 - table, resamples=10)[0]["value"] == -1


def test_it_is_undefined_where_nobody_chose_the_genre() -> None:
    assert cohens_kappa([[0], [0]], [[0], [0]], resamples=10)[0]["value"] is None


def test_more_films_narrow_the_interval() -> None:
    random = np.random.default_rng(1)
    first = random.random((400, 1)) < 0.5
    second = np.where(random.random((400, 1)) < 0.8, first, ~first)
    few, many = (cohens_kappa(first[:n], second[:n], resamples=200)[0] for n in (50, 400))
    assert many["high"] - many["low"] < few["high"] - few["low"]


@pytest.mark.parametrize(
    ("first", "second"), [([[1]], [[1, 0]]), ([1], [1]), (np.zeros((0, 2)), np.zeros((0, 2)))]
)
def test_tables_that_do_not_fit_are_refused(first: object, second: object) -> None:
    with pytest.raises(ValueError):
        cohens_kappa(first, second)  # type: ignore[arg-type]
