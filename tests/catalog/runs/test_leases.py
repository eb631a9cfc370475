"""Claiming items: who holds what, what counts, and when something is given up."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from catalog.models import Run, RunItem
from catalog.runs import kinds, leases, lifecycle
from tests.factories import MovieFactory

pytestmark = pytest.mark.django_db

BATCH = kinds.get("scrape").batch_size
TASKS = kinds.get("scrape").concurrency


def scrape_of(count: int) -> Run:
    MovieFactory.create_batch(count)
    return lifecycle.start("scrape", queue=False)


def test_a_claim_takes_the_next_batch_and_starts_the_clock() -> None:
    run = scrape_of(BATCH + 1)
    held = leases.acquire_batch(run.pk)
    assert [item.pk for item in held] == list(run.items.values_list("pk", flat=True)[:BATCH])
    assert {(item.state, item.attempts, item.claimed_by) for item in held} == {
        (RunItem.State.RUNNING, 1, leases.this_process())
    }
    assert len({item.claim for item in held}) == 1
    run.refresh_from_db()
    assert run.state == Run.State.RUNNING
    assert run.started_at == run.moved_at is not None


def test_the_second_claim_takes_other_items_and_keeps_the_start() -> None:
    run = scrape_of(BATCH + 1)
    first = leases.acquire_batch(run.pk)
    run.refresh_from_db()
    started_at = run.started_at
    second = leases.acquire_batch(run.pk)
    assert not {item.pk for item in first} & {item.pk for item in second}
    run.refresh_from_db()
    assert run.started_at == started_at


@pytest.mark.parametrize("state", [Run.State.DONE, Run.State.FAILED, Run.State.CANCELLED])
def test_nothing_of_a_run_that_is_over_is_claimed(state: str) -> None:
    run = scrape_of(1)
    Run.objects.filter(pk=run.pk).update(state=state)
    assert leases.acquire_batch(run.pk) == []


def test_nothing_of_a_run_that_was_deleted_is_claimed() -> None:
    assert leases.acquire_batch(4711) == []


def test_no_more_is_held_at_once_than_the_lanes_allow() -> None:
    run = scrape_of(BATCH * TASKS + 3)
    held = [item for _ in range(TASKS) for item in leases.acquire_batch(run.pk)]
    assert len(held) == BATCH * TASKS
    assert leases.acquire_batch(run.pk) == []
    for item in held[:BATCH]:
        leases.finish(item)
    assert len(leases.acquire_batch(run.pk)) == 3


def test_batches_count_however_few_items_are_left_of_them() -> None:
    run = scrape_of(BATCH * (TASKS + 1))
    for _ in range(TASKS):
        for item in leases.acquire_batch(run.pk)[1:]:
            leases.finish(item)
    assert leases.leased_batches(run.pk) == TASKS
    assert leases.acquire_batch(run.pk) == []


def test_a_batch_is_finished_in_one_transaction_that_locks_the_run_once(
    django_assert_num_queries: Any,
) -> None:
    run = scrape_of(BATCH)
    items = leases.acquire_batch(run.pk)
    with django_assert_num_queries(6) as queries:  # savepoint, lock, done, failed, count, release
        assert leases.finish_all(items, errors={items[1].pk: "No poster for it."}) == BATCH
    assert sum('"catalog_run"' in query["sql"] for query in queries) == 2
    run.refresh_from_db()
    assert (run.done, run.failed) == (BATCH - 1, 1)
    assert leases.finish_all(items) == 0
    run.refresh_from_db()
    assert (run.done, run.failed) == (BATCH - 1, 1)


def test_items_of_a_batch_that_were_taken_over_are_not_counted() -> None:
    run = scrape_of(3)
    items = leases.acquire_batch(run.pk)
    leases.release(items[0], "Its lease was over.")
    assert leases.finish_all(items, notes={items[1].pk: "fine"}) == 2
    run.refresh_from_db()
    assert run.done == 2
    assert list(run.items.order_by("pk").values_list("state", "note")) == [
        ("pending", ""),
        ("done", "fine"),
        ("done", ""),
    ]


def test_finished_and_failed_items_add_up() -> None:
    run = scrape_of(3)
    one, two, three = leases.acquire_batch(run.pk)
    assert leases.finish(one, "100×150 from tmdb_page")
    assert leases.fail(two, "No poster for it.")
    run.refresh_from_db()
    assert (run.total, run.done, run.failed, run.left) == (3, 1, 1, 1)
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.state, one.note, one.error, one.claim) == ("done", "100×150 from tmdb_page", "", None)
    assert (two.state, two.error) == ("failed", "No poster for it.")
    assert one.finished_at is not None and one.seconds is not None and one.seconds >= 0
    assert leases.finish(three)


def test_finishing_twice_counts_once() -> None:
    run = scrape_of(1)
    [item] = leases.acquire_batch(run.pk)
    assert leases.finish(item)
    assert not leases.finish(item)
    assert not leases.fail(item, "Too late.")
    run.refresh_from_db()
    assert (run.done, run.failed) == (1, 0)


def test_an_item_whose_claim_was_taken_over_is_not_counted_for_the_first_holder() -> None:
    run = scrape_of(1)
    [slow] = leases.acquire_batch(run.pk)
    leases.release(slow, "Its lease was over.")
    [second] = leases.acquire_batch(run.pk)
    assert not leases.finish(slow)
    assert not leases.fail(slow, "I failed, too late.")
    assert not leases.postpone(slow, 5, "Wait.")
    assert not leases.release(slow, "I stop.")
    assert leases.renew([slow]) == set()
    run.refresh_from_db()
    assert (run.done, run.failed) == (0, 0)
    assert leases.finish(second)
    run.refresh_from_db()
    assert (run.done, run.failed) == (1, 0)


def test_a_postponed_item_waits_and_has_all_its_attempts_left() -> None:
    run = scrape_of(1)
    with time_machine.travel(timezone.now(), tick=False) as clock:
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


def test_a_site_that_asks_to_wait_for_ever_is_given_up() -> None:
    run = scrape_of(1)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(24):
            [item] = leases.acquire_batch(run.pk)
            leases.postpone(item, 3600, "The site asks to come back in an hour.")
            assert run.items.get().state == "pending"
            clock.shift(3601)
        [item] = leases.acquire_batch(run.pk)
        leases.postpone(item, 3600, "The site asks to come back in an hour.")
    run.refresh_from_db()
    assert run.failed == 1
    assert run.items.get().error == "The site asks to come back in an hour."


def test_in_a_run_that_takes_days_an_item_is_not_given_up_the_first_time_it_is_to_wait() -> None:
    run = scrape_of(1)
    with time_machine.travel(timezone.now() + 2 * leases.MAX_POSTPONEMENT):
        [item] = leases.acquire_batch(run.pk)
        leases.postpone(item, 60, "The site asks to come back in a minute.")
    assert run.items.get().state == "pending"


def test_what_waited_for_a_site_goes_before_what_was_never_tried() -> None:
    run = scrape_of(BATCH + 1)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        postponed = leases.acquire_batch(run.pk)[1]
        leases.postpone(postponed, 60, "The site asks to come back in a minute.")
        clock.shift(61)
        assert leases.acquire_batch(run.pk)[0].pk == postponed.pk


def test_a_batch_that_breaks_off_is_tried_three_times_in_all(caplog: pytest.LogCaptureFixture) -> None:
    run = scrape_of(1)
    tried = 0

    def break_off(items: Any) -> None:
        nonlocal tried
        tried += 1
        raise OSError("the disk is full")

    while leases.process_batch(run.pk, break_off):
        pass
    item = run.items.get()
    assert (tried, item.attempts, item.state) == (3, 3, "failed")
    assert item.error == "OSError: the disk is full"
    assert "failed" in caplog.text


def test_what_a_batch_leaves_undone_is_given_back() -> None:
    run = scrape_of(2)
    assert leases.process_batch(run.pk, lambda items: leases.finish(items[0]))
    assert list(run.items.values_list("state", "attempts")) == [("done", 1), ("pending", 1)]
    assert not leases.process_batch(run.pk, lambda items: leases.finish(items[0]))


def test_a_stopping_process_gives_its_items_back() -> None:
    run = scrape_of(1)

    def stop(items: Any) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        leases.process_batch(run.pk, stop)
    assert run.items.get().state == "pending"


def test_an_item_that_kills_its_worker_does_not_take_its_neighbours_along() -> None:
    run = scrape_of(BATCH)
    for item in leases.acquire_batch(run.pk):
        leases.release(item, leases.WORKER_DIED)
    poisonous = run.items.order_by("pk").first()
    assert poisonous is not None
    while items := leases.acquire_batch(run.pk):
        assert len(items) == 1
        for item in items:
            leases.release(item, leases.WORKER_DIED) if item.pk == poisonous.pk else leases.finish(item)
    run.refresh_from_db()
    assert (run.done, run.failed) == (BATCH - 1, 1)


def test_fresh_items_are_still_taken_in_batches_before_one_that_was_tried() -> None:
    run = scrape_of(BATCH)
    third = run.items.order_by("pk")[2]
    RunItem.objects.filter(pk=third.pk).update(attempts=1)
    assert [len(leases.acquire_batch(run.pk)) for _ in range(3)] == [2, 1, 1]


def test_a_dead_process_of_this_host_is_noticed_at_once() -> None:
    run = scrape_of(1)
    [item] = leases.acquire_batch(run.pk)
    host, pid, born = leases.this_process().split("/")
    assert leases.release_expired(run.pk) == 0
    for gone in (f"{host}/{2**22 + 1}/{born}", f"{host}/{pid}/a time before", f"{host}/what/ever"):
        RunItem.objects.update(claimed_by=gone)
        assert leases.release_expired(run.pk) == 1
        item.refresh_from_db()
        assert (item.state, item.error) == ("pending", leases.WORKER_DIED)
        RunItem.objects.update(state="running", claim=uuid.uuid4(), attempts=1)


def test_a_process_of_another_host_has_its_lease(settings: Any) -> None:
    run = scrape_of(1)
    leases.acquire_batch(run.pk)
    RunItem.objects.update(claimed_by="elsewhere/1/2")
    assert leases.release_expired(run.pk) == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.CLAIM_LEASE_S + 1)):
        assert leases.release_expired(run.pk) == 1
    assert run.items.get().state == "pending"


def test_a_renewed_claim_starts_a_new_lease(settings: Any) -> None:
    run = scrape_of(1)
    held = leases.acquire_batch(run.pk)
    RunItem.objects.update(claimed_by="elsewhere/1/2")
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.CLAIM_LEASE_S + 1)):
        assert leases.renew(held) == {held[0].pk}
        assert leases.release_expired(run.pk) == 0


def test_an_item_that_killed_three_workers_is_given_up_with_a_sentence() -> None:
    run = scrape_of(1)
    for _ in range(leases.MAX_ATTEMPTS):
        [_item] = leases.acquire_batch(run.pk)
        RunItem.objects.update(claimed_by=f"{leases.this_process()}0")
        assert leases.release_expired(run.pk) == 1
    run.refresh_from_db()
    assert (run.failed, run.items.get().state) == (1, "failed")
    assert run.items.get().error == leases.ABANDONED


def test_a_dead_workers_items_in_a_cancelled_run_are_cancelled() -> None:
    run = scrape_of(1)
    leases.acquire_batch(run.pk)
    lifecycle.cancel(run)
    RunItem.objects.update(claimed_by="nowhere")
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        leases.release_expired(run.pk)
    assert run.items.get().state == "cancelled"


def test_seconds_are_those_of_the_item_not_of_its_batch() -> None:
    run = scrape_of(2)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        items = leases.acquire_batch(run.pk)
        clock.shift(10)
        leases.finish(items[0])
        leases.renew(items[1:], begin=True)
        clock.shift(3)
        leases.finish(items[1])
    assert list(run.items.order_by("pk").values_list("seconds", flat=True)) == [10, 3]


def test_renewing_the_claim_on_one_long_item_does_not_make_it_seem_short() -> None:
    run = scrape_of(1)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        [item] = leases.acquire_batch(run.pk)
        for _ in range(30):
            clock.shift(2)
            leases.renew([item])
        leases.finish(item)
    assert run.items.get().seconds == 60


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_stopped_while_a_transaction_begins_releases_its_batch() -> None:
    run = scrape_of(2)

    def interrupted(items: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
        raise SystemExit

    with pytest.raises(SystemExit):
        leases.process_batch(run.pk, interrupted)
    assert {item.state for item in run.items.all()} == {RunItem.State.PENDING}
