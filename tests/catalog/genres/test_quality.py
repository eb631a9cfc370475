"""Precision, acceptance over time and pace, from decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from catalog.genres import decision_batches, quality, review
from catalog.genres.quality import Share
from catalog.models import DecisionBatch, ReviewDecision
from tests.catalog.genres.decided import decide
from tests.factories import GenreModelFactory, MovieFactory, SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)


def test_precision_by_model_and_genre() -> None:
    first, second = GenreModelFactory(), GenreModelFactory()
    decide(first, 3, 1)
    decide(first, 0, 2, genre="Horror")
    decide(second, 1, 0)
    found = quality.precision()
    assert found[first.pk]["Drama"].precision == Share(3, 4)
    assert found[first.pk]["Horror"].precision == Share(0, 2)
    assert found[second.pk]["Drama"].precision == Share(1, 1)
    assert quality.together("all", list(found[first.pk].values())).precision == Share(3, 6)


def test_undone_decisions_and_added_genres_do_not_count() -> None:
    model, reviewer = GenreModelFactory(), UserFactory()
    suggestion = SuggestionFactory(model=model, genre__name="Drama")
    quality_before = decide(model, 1, 1)
    review.accept([suggestion], reviewer)
    decision_batches.undo(suggestion.decisions.all(), reviewer)
    review.set_genres(MovieFactory(), [suggestion.genre], reviewer)
    assert quality.precision()[model.pk]["Drama"].precision == Share(1, 2)
    assert ReviewDecision.objects.count() == len(quality_before) + 3


def test_batches_are_counted_separately() -> None:
    model, reviewer = GenreModelFactory(), UserFactory()
    batch = DecisionBatch.objects.create(reviewer=reviewer, suggestions=5)
    decide(model, 5, batch=batch)
    decide(model, 1, 1)
    row = quality.precision()[model.pk]["Drama"]
    assert (row.precision, row.batched) == (Share(1, 2), 5)
    [period] = quality.acceptance_over_time()
    assert (period.acceptance, period.batched) == (Share(1, 2), 5)


@pytest.mark.parametrize(
    ("days_ago", "starts"),
    [
        ([0, 3], ["2026-03-18", "2026-03-15"]),
        ([0, 1, 30], ["2026-03-16", "2026-02-16"]),
        ([0, 100], ["2026-03-01", "2025-12-01"]),
        ([0, 500], ["2026-03-01", None]),
    ],
)
def test_acceptance_by_day_week_or_month(days_ago: list[int], starts: list[str | None]) -> None:
    model = GenreModelFactory()
    for days in reversed(days_ago):
        with time_machine.travel(NOON - timedelta(days=days), tick=False):
            decide(model, 2, 1)
    with time_machine.travel(NOON, tick=False):
        found = quality.acceptance_over_time()
    assert [each.start and each.start.date().isoformat() for each in found] == starts
    assert sum(each.acceptance.part for each in found) == 2 * len(days_ago)


def test_no_decision_has_no_period() -> None:
    assert quality.acceptance_over_time() == []


def test_pace_without_breaks_and_single_clicks() -> None:
    model, reviewer = GenreModelFactory(), UserFactory(username="ann")
    with time_machine.travel(NOON, tick=False) as clock:
        decide(model, 1, reviewer=reviewer)
        for seconds in (3, 3, 3600, 6):
            clock.shift(seconds)
            decide(model, 1, reviewer=reviewer)
        clock.shift(6)
        # Ticked cards, decided with one click: three movies, of which the time of one is known.
        decide(model, 3, reviewer=reviewer)
    decide(model, 1, reviewer=UserFactory(username="bea"))
    ann, bea = quality.paces()
    assert (ann.reviewer, ann.movies, ann.timed) == ("ann", 8, 4)
    assert ann.movies_per_minute == pytest.approx(60 * 4 / 18)
    assert (bea.movies, bea.movies_per_minute) == (1, None)
    assert [each.reviewer for each in quality.paces(reviewer)] == ["ann"]


def test_corrections_are_what_differs_from_the_ticks() -> None:
    model, reviewer = GenreModelFactory(tick_thresholds=[0.5] * 3), UserFactory()
    decide(model, 1, 1, tick=True, reviewer=reviewer)
    decide(model, 1, 1, tick=False, reviewer=reviewer)
    review.set_genres(MovieFactory(genres=["War"]), [], reviewer)
    kept = MovieFactory(genres=["Crime"])
    review.set_genres(kept, kept.genres.all(), reviewer)
    [pace] = quality.paces()
    assert (pace.corrections, pace.movies) == (3, 6)
    assert pace.corrections_per_movie == 0.5


def test_a_model_without_tick_thresholds_ticks_likely_genres() -> None:
    reviewer = UserFactory()
    decide(GenreModelFactory(), 1, 1, score=0.8, tick=False, reviewer=reviewer)
    decide(GenreModelFactory(), 0, 1, score=0.45, tick=False, reviewer=reviewer)
    assert [pace.corrections for pace in quality.paces()] == [1]


def test_a_share_as_text() -> None:
    assert str(Share(81, 263)) == "31% (26–37%)"
    assert str(Share(0, 0)) == "–"
