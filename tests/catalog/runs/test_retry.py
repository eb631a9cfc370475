"""Retrying what failed: a new run over exactly those items, unless there is nothing to retry."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import GenreModel, Run, RunItem
from catalog.runs import lifecycle
from tests.factories import GenreModelFactory, PosterFactory, RunFactory, RunItemFactory, UserFactory

pytestmark = pytest.mark.django_db


def failed_in_part(kind: str = "scrape", item: dict[str, Any] | None = None, **facts: Any) -> Run:
    """A finished run with one failed item and one that is done."""
    run = RunFactory(kind=kind, **{"state": Run.State.DONE, **facts})
    RunItemFactory(run=run, state=RunItem.State.FAILED, attempts=3, **(item or {}))
    RunItemFactory(run=run, state=RunItem.State.DONE)
    return run


def test_a_retry_takes_the_failed_items_only() -> None:
    run, user = failed_in_part(), UserFactory()
    again = lifecycle.retry_failed(run, asked_by=user)
    [failed], [item] = run.items.filter(state=RunItem.State.FAILED), again.items.all()
    assert (item.movie_id, item.state, item.attempts) == (failed.movie_id, RunItem.State.PENDING, 0)
    assert (again.kind, again.retry_of, again.asked_by, again.total) == ("scrape", run, user, 1)


def test_a_run_is_retried_once_at_a_time() -> None:
    run = failed_in_part()
    again = lifecycle.retry_failed(run)
    with pytest.raises(lifecycle.RunError, match="is being retried already: see Fetch posters"):
        lifecycle.retry_failed(run)
    assert list(Run.objects.filter(retry_of=run)) == [again]
    lifecycle.cancel(again)
    assert lifecycle.retry_failed(run).retry_of == run


def test_a_retry_has_the_same_parameters() -> None:
    embedding = failed_in_part(
        "embed", {"movie": None, "poster": PosterFactory()}, params={"extractors": ["pixels:16x24"]}
    )
    training = failed_in_part("train", {"movie": None}, state=Run.State.FAILED, params={"recipe": "compact"})
    assert lifecycle.retry_failed(embedding).params == {"extractors": ["pixels:16x24"]}
    again = lifecycle.retry_failed(training)
    assert (again.total, again.params) == (1, {"recipe": "compact"})


def test_a_retry_of_suggestions_uses_the_model_that_is_active_now() -> None:
    retired = GenreModelFactory(state=GenreModel.State.RETIRED)
    active = GenreModelFactory(state=GenreModel.State.ACTIVE)
    run = failed_in_part("label", params={"model": retired.pk})
    assert lifecycle.retry_failed(run).params["model"] == active.pk


def test_a_retry_is_followed_by_what_has_not_followed_already() -> None:
    run = failed_in_part(state=Run.State.FAILED, followed_by=["embed", "train"])
    assert lifecycle.retry_failed(run).followed_by == ["embed", "train"]
    followed = failed_in_part(followed_by=["embed"])
    RunFactory(kind="embed", previous=followed)
    assert lifecycle.retry_failed(followed).followed_by == []


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"state": Run.State.RUNNING}, "still running"),
        ({"state": Run.State.DONE}, "no failed items"),
        ({"kind": "import", "state": Run.State.DONE, "total": 1, "failed": 1}, "import the file again"),
    ],
)
def test_runs_that_cannot_be_retried(facts: dict[str, Any], message: str) -> None:
    run = RunFactory(**facts)
    RunItemFactory(run=run, state=RunItem.State.FAILED if run.is_live else RunItem.State.DONE)
    with pytest.raises(lifecycle.RunError, match=message):
        lifecycle.retry_failed(run)
    assert Run.objects.count() == 1
