"""The sweep: runs that stand still get tasks again, and a broken run does not stop the others."""

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
from tests.factories import RunFactory, RunItemFactory

from .scrapes import scrape_of, states

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]

CONCURRENCY = kinds.get("scrape").concurrency
DEAD = f"{leases.this_process()}0"


def queued_runs(broker: Redis, queue: str = "io") -> list[int]:
    return [
        json.loads(json.loads(task)["headers"]["argsrepr"].strip("(),"))
        for task in broker.lrange(queue, 0, -1)
    ]


@pytest.mark.parametrize(
    ("kind", "queue"), [("scrape", "io"), ("embed", "ml"), ("train", "ml"), ("label", "ml")]
)
def test_a_run_without_tasks_is_queued_again(broker: Redis, kind: str, queue: str) -> None:
    item = RunItemFactory(run=RunFactory(kind=kind, total=1))
    assert sweep() == kinds.get(kind).concurrency
    assert set(queued_runs(broker, queue)) == {item.run.pk}
    # Superfluous tasks do not pile up.
    assert all(json.loads(task)["headers"]["expires"] for task in broker.lrange(queue, 0, -1))


def test_a_run_that_moves_is_left_alone(settings: Any, clock: time_machine.Traveller) -> None:
    run = scrape_of(9)
    lifecycle.enqueue(run)
    leases.finish(leases.acquire_batch(run.pk)[0])
    assert sweep() == 0
    clock.shift(settings.SWEEP_EVERY_S + 1)
    assert sweep() > 0


def test_a_run_that_moves_gets_back_the_tasks_that_the_broker_lost(broker: Redis) -> None:
    run = scrape_of(9)
    lifecycle.enqueue(run)
    # A worker has taken one, the broker has lost another.
    leases.finish(leases.acquire_batch(run.pk)[0])
    broker.lpop("io", 2)
    assert sweep() == 1
    assert broker.llen("io") == CONCURRENCY - 1
    assert sweep() == 0


def test_tasks_of_another_run_do_not_count_for_this_one(broker: Redis) -> None:
    run = scrape_of(9)
    leases.finish(leases.acquire_batch(run.pk)[0])
    other = RunFactory(kind="check", total=1)
    RunItemFactory(run=other, movie=None)
    leases.acquire_batch(other.pk)
    broker.hset("unacked", "tag", "held by a worker")
    sweep()
    assert broker.llen("io") == CONCURRENCY - 1


def standing_still(run: Run, settings: Any, local_worker: str = "") -> Run:
    Run.objects.filter(pk=run.pk).update(
        moved_at=timezone.now() - timedelta(seconds=settings.SWEEP_EVERY_S + 1),
        params={leases.LOCAL_WORKER: local_worker} if local_worker else run.params,
    )
    run.refresh_from_db()
    return run


def test_the_run_of_a_command_is_queued_when_the_command_has_died(settings: Any) -> None:
    run = scrape_of(1)
    leases.reserve_for_this_process(run)
    standing_still(run, settings)
    assert sweep() == 0
    standing_still(run, settings, local_worker=DEAD)
    assert sweep() > 0


def test_the_run_of_a_command_on_another_host_is_queued_after_a_lease(
    settings: Any, clock: time_machine.Traveller
) -> None:
    standing_still(scrape_of(1), settings, local_worker="elsewhere/1/1")
    assert sweep() == 0
    clock.shift(settings.CLAIM_LEASE_S + 1)
    assert sweep() > 0


def test_a_retry_of_a_commands_run_is_for_the_workers(settings: Any) -> None:
    item = RunItemFactory(run=RunFactory(state=Run.State.FAILED, total=1, failed=1), state="failed")
    leases.reserve_for_this_process(item.run)
    again = standing_still(lifecycle.retry_failed(item.run), settings)
    assert leases.LOCAL_WORKER not in again.params
    assert sweep() > 0


def test_a_run_whose_items_are_postponed_is_queued_when_they_are_due(clock: time_machine.Traveller) -> None:
    run = scrape_of(1)
    leases.postpone(leases.acquire_batch(run.pk)[0], 600, "The site asks to wait.")
    clock.shift(300)
    assert sweep() == 0
    clock.shift(301)
    assert sweep() > 0


@pytest.mark.parametrize(("cancelled", "state"), [(False, "pending"), (True, "cancelled")])
def test_items_of_a_dead_worker_are_queued_again_unless_the_run_was_cancelled(
    cancelled: bool, state: str
) -> None:
    run = scrape_of(1)
    leases.acquire_batch(run.pk)
    if cancelled:
        lifecycle.cancel(run)
    RunItem.objects.update(claimed_by=DEAD)
    Run.objects.update(moved_at=timezone.now() - timedelta(minutes=1))
    assert (sweep() > 0) == (not cancelled)
    assert states(run) == [state]


def test_a_run_whose_worker_died_before_ending_it_is_ended_and_followed() -> None:
    run = scrape_of(1, followed_by=["train"])
    leases.finish(leases.acquire_batch(run.pk)[0])
    sweep()
    run.refresh_from_db()
    assert run.state == Run.State.DONE
    assert Run.objects.get(previous=run).kind == "train"


def test_a_broken_run_does_not_stop_the_others(broker: Redis, caplog: pytest.LogCaptureFixture) -> None:
    RunItemFactory(run=RunFactory(kind="polish", total=1))
    sound = lifecycle.start("train", queue=False)
    sweep()
    assert set(queued_runs(broker, "ml")) == {sound.pk}
    assert "could not be recovered" in caplog.text


def test_an_import_fails_when_its_process_has_died(settings: Any, clock: time_machine.Traveller) -> None:
    run = RunFactory(kind="import", state=Run.State.RUNNING, moved_at=timezone.now(), total=7, done=7)
    assert sweep() == 0
    run.refresh_from_db()
    assert run.state == Run.State.RUNNING
    clock.shift(settings.CLAIM_LEASE_S + 1)
    sweep()
    run.refresh_from_db()
    assert (run.state, run.done) == (Run.State.FAILED, 7)
    assert "Import the file again" in run.message
