"""The sweep: runs that stand still get tasks again, and nothing that is wrong with one stops the others."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from redis import Redis

from catalog.models import Run, RunItem
from catalog.runs import kinds, leases, lifecycle
from catalog.runs.recovery import sweep
from tests.factories import MovieFactory, RunFactory, RunItemFactory

pytestmark = pytest.mark.django_db


def queued_runs(broker: Redis, queue: str = "io") -> list[int]:
    return [
        json.loads(json.loads(task)["headers"]["argsrepr"].strip("(),"))
        for task in broker.lrange(queue, 0, -1)
    ]


def test_a_run_whose_tasks_vanished_is_queued_again(broker: Redis) -> None:
    MovieFactory.create_batch(2)
    run = lifecycle.start("scrape", queue=False)
    assert sweep() == kinds.get("scrape").concurrency
    assert set(queued_runs(broker)) == {run.pk}


@pytest.mark.parametrize(
    ("kind", "queue"), [("scrape", "io"), ("embed", "ml"), ("train", "ml"), ("label", "ml")]
)
def test_each_kind_has_its_queue(broker: Redis, kind: str, queue: str) -> None:
    run = RunFactory(kind=kind, total=1)
    RunItemFactory(run=run)
    assert sweep() > 0
    assert set(queued_runs(broker, queue)) == {run.pk}


def test_a_run_that_moves_is_left_alone(broker: Redis, settings: Any) -> None:
    MovieFactory.create_batch(9)
    run = lifecycle.start("scrape", queue=False)
    lifecycle.enqueue(run)
    leases.finish(leases.acquire_batch(run.pk)[0])
    assert sweep() == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.SWEEP_EVERY_S + 1)):
        assert sweep() > 0


def test_a_run_that_moves_gets_back_the_tasks_that_the_broker_lost(broker: Redis) -> None:
    MovieFactory.create_batch(9)
    run = lifecycle.start("scrape", queue=False)
    lifecycle.enqueue(run)
    # A worker has taken one, the broker has lost another.
    leases.finish(leases.acquire_batch(run.pk)[0])
    broker.lpop("io", 2)
    assert sweep() == 1
    assert broker.llen("io") == kinds.get("scrape").concurrency - 1
    assert sweep() == 0


def test_what_another_run_is_doing_hides_no_lost_task(broker: Redis) -> None:
    """Only a run's own batches count as its tasks, not what else the workers hold."""
    MovieFactory.create_batch(9)
    run = lifecycle.start("scrape", queue=False)
    leases.finish(leases.acquire_batch(run.pk)[0])
    other = RunFactory(kind="check", total=1)
    RunItemFactory(run=other, movie=None)
    leases.acquire_batch(other.pk)
    broker.hset("unacked", "tag", "held by a worker")
    sweep()
    assert broker.llen("io") == kinds.get("scrape").concurrency - 1


def standing_still(run: Run, settings: Any, worked_off_by: str = "") -> Run:
    Run.objects.filter(pk=run.pk).update(
        moved_at=timezone.now() - timedelta(seconds=settings.SWEEP_EVERY_S + 1),
        params={leases.LOCAL_WORKER: worked_off_by} if worked_off_by else run.params,
    )
    run.refresh_from_db()
    return run


def test_a_run_that_a_command_works_off_is_left_to_it_until_it_dies(broker: Redis, settings: Any) -> None:
    MovieFactory()
    run = lifecycle.start("scrape", queue=False)
    leases.reserve_for_this_process(run)
    standing_still(run, settings)
    assert sweep() == 0
    standing_still(run, settings, worked_off_by=f"{leases.this_process()}0")
    assert sweep() > 0


def test_a_command_on_another_host_is_believed_for_the_length_of_a_lease(
    broker: Redis, settings: Any
) -> None:
    MovieFactory()
    standing_still(lifecycle.start("scrape", queue=False), settings, worked_off_by="elsewhere/1/1")
    assert sweep() == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.CLAIM_LEASE_S + 1)):
        assert sweep() > 0


def test_a_retry_of_what_a_command_did_is_for_the_workers(broker: Redis, settings: Any) -> None:
    item = RunItemFactory(run=RunFactory(state=Run.State.FAILED, total=1, failed=1), state="failed")
    leases.reserve_for_this_process(item.run)
    again = standing_still(lifecycle.retry_failed(item.run), settings)
    assert leases.LOCAL_WORKER not in again.params
    assert sweep() > 0


def test_a_run_that_owes_nothing_now_is_left_alone(broker: Redis) -> None:
    MovieFactory()
    run = lifecycle.start("scrape", queue=False)
    [item] = leases.acquire_batch(run.pk)
    leases.postpone(item, 600, "The site asks to wait.")
    with time_machine.travel(timezone.now() + timedelta(seconds=300)):
        assert sweep() == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=601)):
        assert sweep() > 0


def test_superfluous_tasks_do_not_pile_up(broker: Redis) -> None:
    MovieFactory()
    lifecycle.start("scrape", queue=False)
    sweep()
    expiries = [json.loads(task)["headers"]["expires"] for task in broker.lrange("io", 0, -1)]
    assert expiries and all(expiries)


def test_a_dead_workers_items_are_queued_again(broker: Redis) -> None:
    MovieFactory()
    run = lifecycle.start("scrape", queue=False)
    leases.acquire_batch(run.pk)
    RunItem.objects.update(claimed_by=f"{leases.this_process()}0")
    Run.objects.update(moved_at=timezone.now() - timedelta(minutes=1))
    assert sweep() > 0
    assert run.items.get().state == "pending"


def test_a_run_whose_worker_died_before_ending_it_is_ended_and_followed(broker: Redis) -> None:
    MovieFactory()
    run = lifecycle.start("scrape", queue=False, followed_by=["train"])
    leases.finish(leases.acquire_batch(run.pk)[0])
    sweep()
    run.refresh_from_db()
    assert run.state == Run.State.DONE
    assert Run.objects.get(previous=run).kind == "train"


def test_a_dead_workers_items_in_a_cancelled_run_are_cancelled(broker: Redis) -> None:
    MovieFactory()
    run = lifecycle.start("scrape", queue=False)
    leases.acquire_batch(run.pk)
    lifecycle.cancel(run)
    RunItem.objects.update(claimed_by=f"{leases.this_process()}0")
    assert sweep() == 0
    assert run.items.get().state == "cancelled"


def test_one_broken_run_does_not_stop_the_others(broker: Redis, caplog: pytest.LogCaptureFixture) -> None:
    broken = RunFactory(kind="polish", total=1)
    RunItemFactory(run=broken)
    MovieFactory()
    sound = lifecycle.start("train", queue=False)
    sweep()
    assert set(queued_runs(broker, "ml")) == {sound.pk}
    assert "could not be recovered" in caplog.text


def test_a_running_import_is_not_ended_for_it(broker: Redis) -> None:
    run = RunFactory(kind="import", state=Run.State.RUNNING, moved_at=timezone.now())
    assert sweep() == 0
    run.refresh_from_db()
    assert run.state == Run.State.RUNNING


def test_an_import_whose_process_died_is_failed_with_a_sentence(broker: Redis, settings: Any) -> None:
    long_ago = timezone.now() - timedelta(seconds=settings.CLAIM_LEASE_S + 1)
    run = RunFactory(kind="import", state=Run.State.RUNNING, moved_at=long_ago, total=7, done=7)
    sweep()
    run.refresh_from_db()
    assert (run.state, run.done) == (Run.State.FAILED, 7)
    assert "Import the file again" in run.message
