"""Cancelling: what waits is dropped, what is held is finished or let go, and nothing follows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from catalog.models import Run, RunItem
from catalog.runs import leases, lifecycle
from tests.factories import MovieFactory, RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    MovieFactory.create_batch(6)
    return lifecycle.start("scrape", queue=False, followed_by=["embed"])


def states(run: Run) -> list[str]:
    return list(run.items.order_by("pk").values_list("state", flat=True))


def test_waiting_items_are_dropped(run: Run) -> None:
    lifecycle.cancel(run)
    assert run.state == Run.State.CANCELLED
    assert run.finished_at is not None
    assert states(run) == ["cancelled"] * 6
    assert leases.acquire_batch(run.pk) == []


def test_an_item_that_is_held_can_still_be_finished_and_counts(run: Run) -> None:
    held = leases.acquire_batch(run.pk)
    lifecycle.cancel(run)
    assert leases.finish(held[0])
    run.refresh_from_db()
    assert (run.done, run.state) == (1, Run.State.CANCELLED)


@pytest.mark.parametrize("let_go", [leases.release, lambda item, why: leases.postpone(item, 5, why)])
def test_an_item_that_is_let_go_is_cancelled_too(run: Run, let_go: Callable[[RunItem, str], bool]) -> None:
    held = leases.acquire_batch(run.pk)
    lifecycle.cancel(run)
    for item in held:
        assert let_go(item, "Not today.")
    assert states(run) == ["cancelled"] * 6
    run.refresh_from_db()
    assert (run.done, run.failed) == (0, 0)


def test_an_items_last_attempt_in_a_cancelled_run_is_no_failure(run: Run) -> None:
    RunItem.objects.filter(run=run).update(attempts=leases.MAX_ATTEMPTS - 1)
    [held] = leases.acquire_batch(run.pk)
    lifecycle.cancel(run)
    leases.release(held, "The worker stopped.")
    run.refresh_from_db()
    assert run.failed == 0
    assert states(run) == ["cancelled"] * 6


def test_a_worker_learns_of_it_when_it_renews_its_claim(run: Run) -> None:
    held = leases.acquire_batch(run.pk)
    assert leases.renew(held) == {item.pk for item in held}
    lifecycle.cancel(run)
    assert leases.renew(held) == set()


def test_nothing_follows_a_cancelled_run(run: Run) -> None:
    held = leases.acquire_batch(run.pk)
    lifecycle.cancel(run)
    for item in held:
        leases.finish(item)
    lifecycle.settle(run.pk)
    assert list(Run.objects.all()) == [run]


@pytest.mark.parametrize("state", [Run.State.DONE, Run.State.FAILED, Run.State.CANCELLED])
def test_a_run_that_is_over_cannot_be_cancelled(state: str) -> None:
    run = RunFactory(state=state)
    with pytest.raises(lifecycle.RunError, match="over already"):
        lifecycle.cancel(run)
    run.refresh_from_db()
    assert run.state == state
