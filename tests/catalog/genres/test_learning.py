"""Training runs that start by themselves after decisions, each once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalog import tasks
from catalog.genres import learning, model_files, review, suggestions
from catalog.models import GenreModel, Movie, Run, Suggestion
from tests.factories import SuggestionFactory, UserFactory

from .genre_heads import saved_model, scored_movie

pytestmark = pytest.mark.django_db
State = Run.State


@pytest.fixture(autouse=True)
def after_three(settings: Any) -> None:
    settings.TRAIN_AFTER_DECISIONS = 3


def decide(count: int) -> None:
    suggestions = [SuggestionFactory() for _ in range(count)]
    review.accept(suggestions, UserFactory())


def end(run: Run, state: str = State.DONE, seconds: float = 0.0) -> None:
    now = timezone.now()
    Run.objects.filter(pk=run.pk).update(
        state=state, started_at=now - timedelta(seconds=seconds), finished_at=now
    )


def test_a_run_starts_after_every_three_decisions() -> None:
    decide(2)
    assert learning.start_after_decisions() is None
    decide(1)
    first = learning.start_after_decisions()
    assert first is not None
    assert (first.kind, first.state, first.params) == ("train", State.QUEUED, {"decisions": 3})
    end(first)
    assert learning.start_after_decisions() is None
    decide(4)
    second = learning.start_after_decisions()
    assert second is not None and second.params == {"decisions": 4}


def test_repeated_beats_start_no_second_run_while_one_is_live() -> None:
    decide(3)
    tasks.start_training()
    decide(5)
    tasks.start_training()
    tasks.start_nightly_training()
    assert Run.objects.count() == 1


def test_a_failed_training_is_not_repeated_for_the_same_decisions() -> None:
    decide(3)
    run = learning.start_after_decisions()
    assert run is not None
    end(run, State.FAILED)
    assert learning.start_after_decisions() is None
    assert learning.start_nightly() is None


def test_a_training_that_a_person_started_counts_too() -> None:
    decide(3)
    end(Run.objects.create(kind="train"))
    assert learning.start_after_decisions() is None


def test_training_rests_nine_times_as_long_as_it_took(time_machine: Any) -> None:
    decide(3)
    run = learning.start_after_decisions()
    assert run is not None
    end(run, seconds=60)
    decide(3)
    assert learning.start_after_decisions() is None
    time_machine.move_to(timezone.now() + timedelta(seconds=541))
    assert learning.start_after_decisions() is not None


def test_at_night_one_decision_is_enough() -> None:
    assert learning.start_nightly() is None
    decide(1)
    assert learning.start_nightly() is not None


def test_nothing_starts_without_an_active_model_or_if_it_is_switched_off(settings: Any) -> None:
    decide(3)
    settings.TRAIN_AFTER_DECISIONS = 0
    assert learning.start_after_decisions() is None
    settings.TRAIN_AFTER_DECISIONS = 3
    GenreModel.objects.update(state=GenreModel.State.RETIRED)
    assert learning.start_after_decisions() is None


def test_a_process_that_waited_for_another_one_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    decide(3)

    def started_meanwhile() -> None:
        Run.objects.create(kind="train", state=State.QUEUED)

    monkeypatch.setattr(learning.promotion, "lock_models", started_meanwhile)
    assert learning.start_after_decisions() is None
    assert Run.objects.count() == 1


def trained(decisions: int | None = 50, **fields: Any) -> GenreModel:
    params = {} if decisions is None else {"decisions": decisions}
    run = Run.objects.create(kind="train", state=State.DONE, params=params)
    return saved_model(run=run, **{"state": GenreModel.State.CANDIDATE, **fields})


def test_changes_are_counted_by_film_and_genre_and_nothing_is_stored() -> None:
    active = saved_model(genres=("Drama", "Horror"))
    same = scored_movie(active, 0.9, 0.1)
    rejected = scored_movie(active, 0.9, 0.9)
    accepted = scored_movie(active, 0.9, 0.9)
    locked = scored_movie(active, 0.9, 0.9, genres_locked=True)
    suggest_with(active)
    review.reject(rejected.suggestions.filter(genre__name="Horror"), UserFactory())
    review.accept(accepted.suggestions.filter(genre__name="Drama"), UserFactory())
    # It suggests Horror only: Drama of `same` and `rejected` goes, and nothing comes, because Horror was
    # rejected, and of `accepted` it is pending.
    other = saved_model(
        active.extractor, genres=("Drama", "Horror"), thresholds=(0.99, 0.6), state="candidate"
    )
    before = set(Suggestion.objects.values_list("pk", "state"))
    changes = learning.suggestion_changes(other, suggestions.load(other), lambda: True)
    assert changes == {"new": 0, "gone": 2, "films": 3, "of": 3}
    lower = saved_model(
        active.extractor, genres=("Drama", "Horror"), thresholds=(0.6, 0.05), state="candidate"
    )
    changes = learning.suggestion_changes(lower, suggestions.load(lower), lambda: True)
    assert changes == {"new": 1, "gone": 0, "films": 3, "of": 3}
    assert before == set(Suggestion.objects.values_list("pk", "state"))
    assert not locked.suggestions.exists() and same.suggestions.count() == 1


def suggest_with(model: GenreModel) -> None:
    """Store the model's suggestions."""
    suggestions.suggest(list(Movie.objects.all()), model, suggestions.load(model))


def test_of_many_films_some_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MAX_COMPARED", 2)
    active = saved_model(genres=("Drama", "Horror"))
    for _ in range(3):
        scored_movie(active, 0.9, 0.1)
    changes = learning.suggestion_changes(active, suggestions.load(active), lambda: True)
    assert changes == {"new": 2, "gone": 0, "films": 2, "of": 3}
    assert learning.suggestion_changes(active, suggestions.load(active), lambda: False) is None


def test_a_later_automatic_model_replaces_those_that_nobody_promoted() -> None:
    active = saved_model()
    by_hand, kept, old = trained(None), trained(state="retired"), trained()
    promoted = trained(state="retired", promoted_at=timezone.now())
    new = trained()
    files = model_files.weights_path(old)
    assert files.exists()
    # Another row has the same file.
    GenreModel.objects.filter(pk=kept.pk).update(weights_file=active.weights_file)
    learning.delete_superseded(by_hand)
    assert GenreModel.objects.count() == 6
    learning.delete_superseded(new)
    assert set(GenreModel.objects.all()) == {active, by_hand, promoted, new}
    assert not files.exists() and model_files.weights_path(active).exists()


def test_a_model_with_suggestions_is_not_deleted() -> None:
    saved_model()
    SuggestionFactory(model=trained())
    learning.delete_superseded(trained())
    assert GenreModel.objects.count() == 3
