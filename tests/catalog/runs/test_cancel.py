"""Cancelling: what waits is dropped, what is leased is finished or dropped, and nothing follows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from catalog.models import Run, RunItem
from catalog.runs import leases, lifecycle
from tests.factories import RunFactory

from .scrapes import counts, scrape_of, states

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    return scrape_of(6, followed_by=["embed"])


def test_waiting_items_are_dropped(run: Run) -> None:
    lifecycle.cancel(run)
    assert run.state == Run.State.CANCELLED
    assert run.finished_at is not None
    assert states(run) == ["cancelled"] * 6
    assert leases.acquire_batch(run.pk) == []


def test_leased_items_can_be_finished_and_count_but_nothing_follows(run: Run) -> None:
    held = leases.acquire_batch(run.pk)
    assert leases.renew(held) == {item.pk for item in held}
    lifecycle.cancel(run)
    assert leases.renew(held) == set()  # so a worker learns that the run was cancelled
    for item in held:
        assert leases.finish(item)
    lifecycle.settle(run.pk)
    assert (*counts(run), run.state) == (len(held), 0, Run.State.CANCELLED)
    assert list(Run.objects.all()) == [run]


@pytest.mark.parametrize("attempts", [0, leases.MAX_ATTEMPTS - 1])
@pytest.mark.parametrize("let_go", [leases.release, lambda item, why: leases.postpone(item, 5, why)])
def test_released_items_are_cancelled_even_at_their_last_attempt(
    run: Run, let_go: Callable[[RunItem, str], bool], attempts: int
) -> None:
    RunItem.objects.filter(run=run).update(attempts=attempts)
    held = leases.acquire_batch(run.pk)
    lifecycle.cancel(run)
    for item in held:
        assert let_go(item, "Not today.")
    assert states(run) == ["cancelled"] * 6
    assert counts(run) == (0, 0)


@pytest.mark.parametrize("state", [Run.State.DONE, Run.State.FAILED, Run.State.CANCELLED])
def test_a_run_that_is_over_cannot_be_cancelled(state: str) -> None:
    run = RunFactory(state=state)
    with pytest.raises(lifecycle.RunError, match="over already"):
        lifecycle.cancel(run)
    run.refresh_from_db()
    assert run.state == state
