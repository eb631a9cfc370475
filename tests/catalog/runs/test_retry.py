"""Retrying what failed: a new run over exactly those items, and when there is nothing to retry."""

from __future__ import annotations

import pytest

from catalog.models import GenreModel, Run, RunItem
from catalog.runs import lifecycle
from tests.factories import GenreModelFactory, PosterFactory, RunFactory, RunItemFactory, UserFactory

pytestmark = pytest.mark.django_db


def finished(kind: str = "scrape", **kwargs: object) -> Run:
    return RunFactory(kind=kind, state=Run.State.DONE, **kwargs)


def test_a_retry_takes_the_failed_items_only() -> None:
    run = finished()
    failed = [RunItemFactory(run=run, state=RunItem.State.FAILED, attempts=3) for _ in range(2)]
    RunItemFactory(run=run, state=RunItem.State.DONE)
    user = UserFactory()
    again = lifecycle.retry_failed(run, asked_by=user)
    assert {item.movie_id for item in again.items.all()} == {item.movie_id for item in failed}
    assert {(item.state, item.attempts) for item in again.items.all()} == {(RunItem.State.PENDING, 0)}
    assert (again.kind, again.retry_of, again.asked_by, again.total) == ("scrape", run, user, 2)
    run.refresh_from_db()
    assert run.items.filter(state=RunItem.State.FAILED).count() == 2


def test_a_second_press_makes_no_second_run() -> None:
    run = finished()
    RunItemFactory(run=run, state=RunItem.State.FAILED)
    again = lifecycle.retry_failed(run)
    with pytest.raises(lifecycle.RunError, match="is being retried already: see Fetch posters"):
        lifecycle.retry_failed(run)
    assert list(Run.objects.filter(retry_of=run)) == [again]


def test_what_failed_again_can_be_retried_again() -> None:
    run = finished()
    RunItemFactory(run=run, state=RunItem.State.FAILED)
    lifecycle.cancel(lifecycle.retry_failed(run))
    assert lifecycle.retry_failed(run).retry_of == run


def test_a_retry_of_posters_keeps_the_extractors() -> None:
    run = finished("embed", params={"extractors": ["pixels:16x24"]})
    RunItemFactory(run=run, movie=None, poster=PosterFactory(), state=RunItem.State.FAILED)
    assert lifecycle.retry_failed(run).params == {"extractors": ["pixels:16x24"]}


def test_a_retry_of_suggestions_asks_the_model_that_is_active_now() -> None:
    retired = GenreModelFactory(state=GenreModel.State.RETIRED)
    active = GenreModelFactory(state=GenreModel.State.ACTIVE)
    run = finished("label", params={"model": retired.pk})
    RunItemFactory(run=run, state=RunItem.State.FAILED)
    assert lifecycle.retry_failed(run).params["model"] == active.pk


def test_a_retry_of_training_has_its_one_item() -> None:
    run = RunFactory(kind="train", state=Run.State.FAILED, params={"recipe": "compact"})
    RunItem.objects.create(run=run, state=RunItem.State.FAILED)
    again = lifecycle.retry_failed(run)
    assert (again.total, again.params) == (1, {"recipe": "compact"})


def test_a_retry_of_a_failed_run_goes_on_with_what_was_to_follow() -> None:
    run = RunFactory(state=Run.State.FAILED, followed_by=["embed", "train"])
    RunItemFactory(run=run, state=RunItem.State.FAILED)
    assert lifecycle.retry_failed(run).followed_by == ["embed", "train"]


def test_a_retry_does_not_repeat_what_has_followed_already() -> None:
    run = finished(followed_by=["embed"])
    RunFactory(kind="embed", previous=run)
    RunItemFactory(run=run, state=RunItem.State.FAILED)
    assert lifecycle.retry_failed(run).followed_by == []


def test_a_live_run_is_not_retried() -> None:
    run = RunFactory(state=Run.State.RUNNING)
    RunItemFactory(run=run, state=RunItem.State.FAILED)
    with pytest.raises(lifecycle.RunError, match="still running"):
        lifecycle.retry_failed(run)


def test_a_run_without_failures_is_not_retried() -> None:
    run = finished()
    RunItemFactory(run=run, state=RunItem.State.DONE)
    with pytest.raises(lifecycle.RunError, match="no failed items"):
        lifecycle.retry_failed(run)
    assert Run.objects.count() == 1


def test_an_import_is_retried_by_importing_again() -> None:
    with pytest.raises(lifecycle.RunError, match="import the file again"):
        lifecycle.retry_failed(finished("import", total=1, failed=1))
