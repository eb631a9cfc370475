"""Drift, and what thresholds would change, as expected from decisions on suggestions with the same scores."""

from __future__ import annotations

import pytest

from catalog.genres.expectations import RECENT, drift, simulate
from catalog.genres.quality import Share
from tests.catalog.genres.decided import decide, suggest
from tests.factories import GenreFactory, GenreModelFactory

pytestmark = pytest.mark.django_db


def test_a_fall_of_acceptance_is_reported_with_its_size() -> None:
    model = GenreModelFactory()
    decide(model, 270, 30)
    decide(model, RECENT - 60, 60)
    found = drift(model)
    assert found is not None and found.is_significant
    assert found.recent == Share(RECENT - 60, RECENT)
    assert found.expected == pytest.approx(0.9)
    assert found.difference.value == pytest.approx(-0.2)
    assert found.difference.low < -0.2 < found.difference.high < 0


def test_lower_scores_are_no_drift() -> None:
    """The most confident are decided first, so acceptance falls although nothing has changed."""
    model = GenreModelFactory()
    decide(model, 190, 10, score=0.9)
    decide(model, 100, 100, score=0.5)
    decide(model, RECENT // 2, RECENT // 2, score=0.5)
    found = drift(model)
    assert found is not None and not found.is_significant
    assert found.expected == pytest.approx(0.5)


def test_a_small_difference_may_be_chance() -> None:
    model = GenreModelFactory()
    decide(model, 270, 30)
    decide(model, RECENT - 22, 22)
    found = drift(model)
    assert found is not None and not found.is_significant


@pytest.mark.parametrize("earlier", [0, 4])
def test_too_few_decisions_cannot_drift(earlier: int) -> None:
    model = GenreModelFactory()
    decide(model, earlier)
    decide(model, 0, RECENT)
    assert drift(model) is None


def test_decisions_about_other_scores_cannot_be_compared() -> None:
    model = GenreModelFactory()
    decide(model, 300, score=0.9)
    decide(model, 0, RECENT, score=0.5)
    assert drift(model) is None


@pytest.mark.parametrize("points", [[], [0.5] * 3])
def test_what_thresholds_change(points: list[float]) -> None:
    model = GenreModelFactory(tick_thresholds=points)
    decide(model, 90, 10, score=0.92)
    decide(model, 30, 70, score=0.47)
    suggest(model, 10, score=0.93)
    suggest(model, 10, score=0.48, tick=False)
    found = simulate(model, None, suggest=0.4, tick=0.4)
    assert (found.movies, found.unknown, found.decided) == (20, 0, Share(120, 200))
    # Now, 10 of 20 are ticked: one of them is wrong, and 3 of the others are right.
    assert (found.now.suggested, found.now.ticked) == (20, 10)
    assert found.now.corrections is not None and found.now.corrections.value == pytest.approx(1 + 3)
    assert found.moved.ticked == 20
    assert found.moved.corrections is not None and found.moved.corrections.value == pytest.approx(1 + 7)
    higher = simulate(model, None, suggest=0.9, tick=0.95)
    assert (higher.moved.suggested, higher.moved.ticked, higher.decided) == (10, 0, Share(90, 100))
    precision = higher.moved.precision
    assert precision is not None and precision.value == pytest.approx(0.9)
    assert precision.low == pytest.approx(0.83, abs=0.02) and precision.high == pytest.approx(0.95, abs=0.02)
    assert higher.moved.ticked_precision is None
    # Right genres below the threshold have to be added.
    assert higher.moved.corrections is not None
    assert higher.moved.corrections.value == pytest.approx(9 + 3)


def test_one_genre_is_expected_from_its_own_decisions() -> None:
    model = GenreModelFactory()
    decide(model, 10, genre="Drama")
    decide(model, 0, 10, genre="Horror")
    suggest(model, 1, score=0.81, genre="Horror")
    found = simulate(model, GenreFactory(name="Horror").pk, suggest=0.4, tick=0.5)
    assert found.moved.precision is not None and found.moved.precision.value == 0


def test_nothing_is_expected_of_scores_without_decisions() -> None:
    model = GenreModelFactory()
    decide(model, 4, score=0.92)
    suggest(model, 3, score=0.92)
    found = simulate(model, None, suggest=0.5, tick=0.5)
    assert (found.moved.suggested, found.unknown) == (3, 3)
    assert found.moved.precision is found.moved.corrections is None


def test_decisions_about_other_models_say_nothing() -> None:
    model = GenreModelFactory()
    decide(GenreModelFactory(), 50)
    suggest(model, 1, score=0.8)
    assert simulate(model, None, suggest=0.5, tick=0.5).unknown == 1


@pytest.mark.parametrize("score", [0.29, 0.57, 0.58])
def test_a_score_equal_to_the_threshold_reaches_it(score: float) -> None:
    model = GenreModelFactory()
    suggest(model, 1, score=score)
    assert simulate(model, None, suggest=score, tick=0.0).moved.suggested == 1
