"""Leases: which items a process holds, what it counts, and when an item is tried again or given up."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import connection

from catalog.models import Run, RunItem
from catalog.runs import kinds, leases, lifecycle

from .scrapes import counts, scrape_of, states

pytestmark = pytest.mark.django_db

BATCH = kinds.get("scrape").batch_size
TASKS = kinds.get("scrape").concurrency
DEAD = f"{leases.this_process()}0"


def test_each_lease_takes_the_next_batch_and_the_first_starts_the_run(
    clock: time_machine.Traveller,
) -> None:
    run = scrape_of(BATCH + 1)
    first = leases.acquire_batch(run.pk)
    assert [item.pk for item in first] == list(run.items.values_list("pk", flat=True)[:BATCH])
    assert {(item.state, item.attempts, item.claimed_by) for item in first} == {
        (RunItem.State.RUNNING, 1, leases.this_process())
    }
    assert len({item.claim for item in first}) == 1
    run.refresh_from_db()
    started_at = run.started_at
    assert run.state == Run.State.RUNNING and started_at == run.moved_at is not None
    clock.shift(5)
    second = leases.acquire_batch(run.pk)
    assert len({item.pk for item in first + second}) == BATCH + 1
    run.refresh_from_db()
    assert run.started_at == started_at


@pytest.mark.parametrize("state", [Run.State.DONE, Run.State.FAILED, Run.State.CANCELLED, "deleted"])
def test_nothing_of_a_run_that_is_over_or_deleted_is_leased(state: str) -> None:
    run = scrape_of(1)
    key = run.pk
    run.delete() if state == "deleted" else Run.objects.filter(pk=key).update(state=state)
    assert leases.acquire_batch(key) == []


def test_concurrency_is_limited_in_batches_however_few_of_their_items_are_left() -> None:
    run = scrape_of(BATCH * TASKS + 3)
    batches = [leases.acquire_batch(run.pk) for _ in range(TASKS)]
    assert [len(batch) for batch in batches] == [BATCH] * TASKS
    for batch in batches:
        for item in batch[1:]:
            leases.finish(item)
    assert leases.leased_batches(run.pk) == TASKS
    assert leases.acquire_batch(run.pk) == []
    leases.finish(batches[0][0])
    assert len(leases.acquire_batch(run.pk)) == 3


def test_a_batch_is_finished_in_one_transaction_that_locks_the_run_once(
    django_assert_num_queries: Any,
) -> None:
    run = scrape_of(BATCH)
    items = leases.acquire_batch(run.pk)
    with django_assert_num_queries(6) as queries:  # savepoint, lock, done, failed, count, release
        assert leases.finish_all(items, errors={items[1].pk: "No poster for it."}) == BATCH
    assert sum('"catalog_run"' in query["sql"] for query in queries) == 2
    assert counts(run) == (BATCH - 1, 1)
    assert leases.finish_all(items) == 0
    assert counts(run) == (BATCH - 1, 1)


def test_items_of_a_batch_that_were_taken_over_are_not_counted() -> None:
    run = scrape_of(3)
    items = leases.acquire_batch(run.pk)
    leases.release(items[0], "Its lease was over.")
    assert leases.finish_all(items, notes={items[1].pk: "fine"}) == 2
    assert counts(run) == (2, 0)
    assert list(run.items.order_by("pk").values_list("state", "note")) == [
        ("pending", ""),
        ("done", "fine"),
        ("done", ""),
    ]


def test_finished_and_failed_items_are_stored_and_counted_once() -> None:
    run = scrape_of(3)
    one, two, three = leases.acquire_batch(run.pk)
    assert leases.finish(one, "100×150 from tmdb_page")
    assert leases.fail(two, "No poster for it.")
    assert (*counts(run), run.total, run.left) == (1, 1, 3, 1)
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.state, one.note, one.error, one.claim) == ("done", "100×150 from tmdb_page", "", None)
    assert (two.state, two.error) == ("failed", "No poster for it.")
    assert one.finished_at is not None and one.seconds is not None and one.seconds >= 0
    assert leases.finish(three)
    assert not leases.finish(three)
    assert not leases.fail(three, "Too late.")
    assert counts(run) == (2, 1)


def test_a_process_that_lost_its_lease_changes_nothing() -> None:
    run = scrape_of(1)
    [slow] = leases.acquire_batch(run.pk)
    leases.release(slow, "Its lease was over.")
    [second] = leases.acquire_batch(run.pk)
    assert not leases.finish(slow)
    assert not leases.fail(slow, "I failed, too late.")
    assert not leases.postpone(slow, 5, "Wait.")
    assert not leases.release(slow, "I stop.")
    assert leases.renew([slow]) == set()
    assert counts(run) == (0, 0)
    assert leases.finish(second)
    assert counts(run) == (1, 0)


def test_a_postponed_item_waits_and_has_all_its_attempts_left(clock: time_machine.Traveller) -> None:
    run = scrape_of(1)
    for _ in range(leases.MAX_ATTEMPTS + 2):
        [item] = leases.acquire_batch(run.pk)
        assert leases.postpone(item, 60, "The site asks to come back in 60 s.")
        assert not leases.has_work(run.pk)
        clock.shift(59)
        assert leases.acquire_batch(run.pk) == []
        clock.shift(2)
        assert leases.has_work(run.pk)
    waiting = run.items.get()
    assert (waiting.state, waiting.attempts) == ("pending", 0)
    assert waiting.error == "The site asks to come back in 60 s."


def test_an_item_that_was_postponed_for_a_day_fails(clock: time_machine.Traveller) -> None:
    run = scrape_of(1)
    clock.shift(2 * leases.MAX_POSTPONEMENT)  # a run that takes days gives no item up the first time
    for hour in range(25):
        assert states(run) == ["pending"], hour
        [item] = leases.acquire_batch(run.pk)
        leases.postpone(item, 3600, "The site asks to come back in an hour.")
        clock.shift(3601)
    assert counts(run) == (0, 1)
    assert run.items.get().error == "The site asks to come back in an hour."


def test_postponed_items_that_are_due_go_before_those_never_tried(clock: time_machine.Traveller) -> None:
    run = scrape_of(BATCH + 1)
    postponed = leases.acquire_batch(run.pk)[1]
    leases.postpone(postponed, 60, "The site asks to come back in a minute.")
    clock.shift(61)
    assert leases.acquire_batch(run.pk)[0].pk == postponed.pk


def test_a_batch_that_raises_is_tried_three_times(caplog: pytest.LogCaptureFixture) -> None:
    run = scrape_of(1)
    tried = 0

    def fail(items: Any) -> None:
        nonlocal tried
        tried += 1
        raise OSError("the disk is full")

    while leases.process_batch(run.pk, fail):
        pass
    item = run.items.get()
    assert (tried, item.attempts, item.state) == (3, 3, "failed")
    assert item.error == "OSError: the disk is full"
    assert "failed" in caplog.text


def test_items_that_a_batch_left_out_are_released() -> None:
    run = scrape_of(2)
    assert leases.process_batch(run.pk, lambda items: leases.finish(items[0]))
    assert list(run.items.values_list("state", "attempts")) == [("done", 1), ("pending", 1)]
    assert not leases.process_batch(run.pk, lambda items: leases.finish(items[0]))


def begin_a_transaction() -> None:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [lambda: None, begin_a_transaction])
def test_a_process_that_is_stopped_releases_its_batch(before: Callable[[], None]) -> None:
    run = scrape_of(2)

    def stop(items: object) -> None:
        before()
        raise SystemExit

    with pytest.raises(SystemExit):
        leases.process_batch(run.pk, stop)
    assert states(run) == ["pending"] * 2


def test_an_item_that_kills_its_worker_does_not_make_its_neighbours_fail() -> None:
    run = scrape_of(BATCH)
    for item in leases.acquire_batch(run.pk):
        leases.release(item, leases.WORKER_DIED)
    poisonous = run.items.order_by("pk").first()
    assert poisonous is not None
    while items := leases.acquire_batch(run.pk):
        assert len(items) == 1
        for item in items:
            leases.release(item, leases.WORKER_DIED) if item.pk == poisonous.pk else leases.finish(item)
    assert counts(run) == (BATCH - 1, 1)


def test_new_items_are_leased_in_batches_before_one_that_was_tried() -> None:
    run = scrape_of(BATCH)
    third = run.items.order_by("pk")[2]
    RunItem.objects.filter(pk=third.pk).update(attempts=1)
    assert [len(leases.acquire_batch(run.pk)) for _ in range(3)] == [2, 1, 1]


def test_leases_of_dead_processes_of_this_host_end_at_once() -> None:
    run = scrape_of(1)
    [item] = leases.acquire_batch(run.pk)
    host, pid, start = leases.this_process().split("/")
    assert leases.release_expired(run.pk) == 0
    for dead in (f"{host}/{2**22 + 1}/{start}", f"{host}/{pid}/another time", f"{host}/what/ever"):
        RunItem.objects.update(claimed_by=dead)
        assert leases.release_expired(run.pk) == 1
        item.refresh_from_db()
        assert (item.state, item.error) == ("pending", leases.WORKER_DIED)
        RunItem.objects.update(state="running", claim=uuid.uuid4(), attempts=1)


def test_a_lease_of_another_host_ends_unless_it_is_renewed(
    settings: Any, clock: time_machine.Traveller
) -> None:
    run = scrape_of(1)
    held = leases.acquire_batch(run.pk)
    RunItem.objects.update(claimed_by="elsewhere/1/2")
    assert leases.release_expired(run.pk) == 0
    clock.shift(settings.CLAIM_LEASE_S + 1)
    assert leases.renew(held) == {held[0].pk}
    assert leases.release_expired(run.pk) == 0
    clock.shift(settings.CLAIM_LEASE_S + 1)
    assert leases.release_expired(run.pk) == 1
    assert states(run) == ["pending"]


def test_an_item_that_killed_three_workers_fails_with_a_sentence() -> None:
    run = scrape_of(1)
    for _ in range(leases.MAX_ATTEMPTS):
        [_item] = leases.acquire_batch(run.pk)
        RunItem.objects.update(claimed_by=DEAD)
        assert leases.release_expired(run.pk) == 1
    assert (*counts(run), *states(run)) == (0, 1, "failed")
    assert run.items.get().error == leases.ABANDONED


def test_a_dead_workers_items_in_a_cancelled_run_are_cancelled() -> None:
    run = scrape_of(1)
    leases.acquire_batch(run.pk)
    lifecycle.cancel(run)
    RunItem.objects.update(claimed_by=DEAD)
    leases.release_expired(run.pk)
    assert states(run) == ["cancelled"]


def test_seconds_are_those_of_the_item_whatever_its_batch_and_renewals(clock: time_machine.Traveller) -> None:
    run = scrape_of(2)
    items = leases.acquire_batch(run.pk)
    clock.shift(10)
    leases.finish(items[0])
    leases.renew(items[1:], begin=True)
    for _ in range(30):
        clock.shift(2)
        leases.renew(items[1:])
    leases.finish(items[1])
    assert list(run.items.order_by("pk").values_list("seconds", flat=True)) == [10, 60]
