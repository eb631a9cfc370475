"""The expected number of wrong suggestions, and where it comes from."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.genres import precision, review
from catalog.genres.precision import expectation
from catalog.genres.review import Selection
from catalog.models import DecisionBatch, GenreModel
from tests.factories import GenreFactory, GenreModelFactory, MovieFactory, SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def four_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "ENOUGH_DECISIONS", 4)


@pytest.fixture
def model() -> GenreModel:
    return GenreModelFactory(
        state="active",
        metrics={
            "validation": {"per_genre": [{"genre": "Drama", "precision": {"value": 0.6}}]},
            "sure": {"precision": {"value": 0.8}},
        },
    )


def suggest(model: GenreModel, number: int, genre: str = "Drama", **values: Any) -> list[Any]:
    return [
        SuggestionFactory(movie=MovieFactory(), genre=GenreFactory(name=genre), model=model, **values)
        for _ in range(number)
    ]


def of_drama(**values: Any) -> Selection:
    return Selection(genre=GenreFactory(name="Drama").pk, **values)


def decide(model: GenreModel, right: int, wrong: int, genre: str = "Drama", **values: Any) -> None:
    reviewer = UserFactory()
    review.accept(suggest(model, right, genre, **values), reviewer)
    review.reject(suggest(model, wrong, genre, **values), reviewer)


def test_decisions_from_the_score_count(model: GenreModel) -> None:
    decide(model, 3, 1, score=0.8)
    decide(model, 0, 5, score=0.7)
    decide(model, 0, 5, "Crime", score=0.9)
    suggest(model, 8, score=0.85)
    expected = expectation(of_drama(min_score=0.8))
    assert (expected.basis, expected.decisions, expected.suggestions, expected.wrong) == (
        "decisions",
        4,
        8,
        2,
    )
    assert expected.low is not None and expected.high is not None
    assert 0 <= expected.low <= 2 <= expected.high <= 8
    assert expectation(of_drama()).decisions == 9
    assert expected.by_scores is None
    GenreModel.objects.update(calibration={"ece_after": {"value": 0.01}})
    assert expectation(of_drama(min_score=0.8)).by_scores == 1


def test_decisions_of_batches_other_models_and_undone_ones_do_not_count(model: GenreModel) -> None:
    reviewer = UserFactory()
    batch = DecisionBatch.objects.create(reviewer=reviewer, chosen="all", suggestions=4)
    review.accept(suggest(model, 4), reviewer, batch)
    decide(GenreModelFactory(), 2, 2)
    suggest(model, 1)
    assert expectation(of_drama()).decisions == 0


def test_calibrated_scores_replace_decisions(model: GenreModel) -> None:
    decide(model, 3, 0, score=0.9)
    model.calibration = {"ece_after": {"value": 0.01}}
    model.save()
    suggest(model, 10, score=0.7)
    suggest(model, 10, score=0.9)
    expected = expectation(of_drama())
    assert (expected.basis, expected.wrong, expected.suggestions) == ("scores", 4, 20)


@pytest.mark.parametrize(
    ("sure", "any_genre", "wrong"),
    [(False, False, 4), (True, False, 4), (True, True, 2), (False, True, None)],
)
def test_held_out_figures_replace_scores_that_are_no_probabilities(
    model: GenreModel, sure: bool, any_genre: bool, wrong: int | None
) -> None:
    suggest(model, 10, sure=True)
    expected = expectation(Selection(sure=sure, min_score=0.1) if any_genre else of_drama(sure=sure))
    assert (expected.basis, expected.wrong) == ("" if wrong is None else "precision", wrong)


@pytest.mark.parametrize(
    "metrics", [{}, [], {"validation": 3}, {"validation": {"per_genre": [3]}}, {"sure": 1}]
)
def test_damaged_figures_are_not_measured(model: GenreModel, metrics: Any) -> None:
    GenreModel.objects.update(metrics=metrics)
    suggest(model, 1, sure=True)
    for selection in (of_drama(), Selection(sure=True)):
        assert expectation(selection).wrong is None


def test_no_suggestions() -> None:
    assert expectation(Selection(sure=True)).suggestions == 0
