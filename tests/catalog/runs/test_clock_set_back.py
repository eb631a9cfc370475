"""The system clock is set back by a day: nothing waits until it has caught up, no duration is negative."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from redis import Redis

from catalog import tasks
from catalog.duplicates import groups
from catalog.fetching.shared_state import CLOCK_KEY
from catalog.fetching.throttle import RateLimiter
from catalog.models import Run, RunItem
from catalog.runs import kinds, leases, lifecycle, local_worker
from catalog.runs.progress import progress_of
from catalog.runs.recovery import sweep
from tests.factories import EmbeddingFactory, MovieFactory, RunFactory

pytestmark = pytest.mark.django_db

A_DAY_BACK = timedelta(days=-1)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


def scrape_of(count: int) -> Run:
    MovieFactory.create_batch(count)
    return lifecycle.start("scrape", queue=False)


def test_a_dead_worker_of_another_host_is_given_up_after_its_lease(
    clock: time_machine.Traveller, broker: Redis, settings: Any
) -> None:
    run = scrape_of(1)
    leases.acquire_batch(run.pk)
    RunItem.objects.update(claimed_by="elsewhere/1/2")
    clock.shift(A_DAY_BACK)
    sweep()
    # It may still be at work, so its lease begins anew.
    assert run.items.get().state == "running"
    clock.shift(settings.CLAIM_LEASE_S + 1)
    assert sweep() > 0
    assert run.items.get().state == "pending"


def test_what_was_postponed_is_due(clock: time_machine.Traveller, broker: Redis) -> None:
    run = scrape_of(2)
    items = leases.acquire_batch(run.pk)
    for item in items:
        leases.postpone(item, 600, "The site asks to wait.")
    clock.shift(A_DAY_BACK)
    sweep()
    again = leases.acquire_batch(run.pk)
    assert again == items
    # Postponed by the new clock, it waits as ever.
    leases.postpone(again[0], 600, "The site asks to wait.")
    sweep()
    assert run.items.get(pk=again[0].pk).not_before == timezone.now() + timedelta(seconds=600)


def test_a_command_without_workers_goes_on_too(
    clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = scrape_of(1)
    leases.postpone(leases.acquire_batch(run.pk)[0], 600, "The site asks to wait.")
    clock.shift(A_DAY_BACK)
    monkeypatch.setitem(kinds._kinds, "scrape", replace(kinds.get("scrape"), process=leases.finish_all))
    monkeypatch.setattr(local_worker.time, "sleep", lambda seconds: pytest.fail("it waits"))
    assert local_worker.process_run(run).done == 1


def test_a_run_that_stands_still_is_seen_to(
    clock: time_machine.Traveller, broker: Redis, settings: Any
) -> None:
    run = scrape_of(9)
    leases.finish(leases.acquire_batch(run.pk)[0])
    clock.shift(A_DAY_BACK)
    sweep()
    broker.flushall()
    clock.shift(settings.CLAIM_LEASE_S + settings.SWEEP_EVERY_S + 1)
    run.refresh_from_db()
    assert progress_of(run).stalled
    assert sweep() == kinds.get("scrape").concurrency


@pytest.mark.parametrize("moved", [True, False])
def test_an_import_whose_process_died_is_ended(
    clock: time_machine.Traveller, broker: Redis, settings: Any, moved: bool
) -> None:
    run = RunFactory(kind="import", state="running", moved_at=timezone.now() if moved else None)
    clock.shift(A_DAY_BACK)
    sweep()
    clock.shift(settings.CLAIM_LEASE_S + 1)
    sweep()
    run.refresh_from_db()
    assert run.state == Run.State.FAILED


def test_no_duration_is_negative_and_the_rate_is_that_of_the_new_clock(
    clock: time_machine.Traveller,
) -> None:
    run = scrape_of(30)
    first, second, *rest = leases.acquire_batch(run.pk)
    clock.shift(10)
    leases.finish(first)
    clock.shift(A_DAY_BACK)
    leases.finish(second)
    run.refresh_from_db()
    assert run.seconds == 0
    second.refresh_from_db()
    assert second.seconds == 0
    leases.finish_all(rest)
    for _ in range(20):
        [item, *others] = leases.acquire_batch(run.pk)
        RunItem.objects.filter(pk__in=[other.pk for other in others]).update(state="pending", attempts=0)
        clock.shift(10)
        leases.finish(item)
    run.refresh_from_db()
    assert run.per_second == pytest.approx(0.1, rel=0.3)


def test_a_site_that_asks_to_wait_is_given_up_a_day_after_the_change_at_the_latest(
    clock: time_machine.Traveller,
) -> None:
    run = scrape_of(1)
    leases.postpone(leases.acquire_batch(run.pk)[0], 60, "Wait.")
    clock.shift(A_DAY_BACK)
    leases.adjust_to_clock_change(run.pk)
    leases.postpone(leases.acquire_batch(run.pk)[0], 60, "Wait.")
    assert run.items.get().waiting_since == timezone.now()


def test_clocks_of_two_hosts_may_differ_a_little(clock: time_machine.Traveller) -> None:
    run = scrape_of(1)
    leases.postpone(leases.acquire_batch(run.pk)[0], 600, "The site asks to wait.")
    before = run.items.get().not_before
    clock.shift(-30)
    leases.adjust_to_clock_change(run.pk)
    assert run.items.get().not_before == before


def test_a_search_that_failed_does_not_hold_up_the_next_for_longer_than_usual(
    clock: time_machine.Traveller,
) -> None:
    EmbeddingFactory(extractor__spec="postersite", extractor__dims=8)
    RunFactory(kind="duplicates", state="failed")
    assert not groups.is_due()
    clock.shift(A_DAY_BACK)
    assert groups.is_due()


def test_the_sweep_ends_pauses_of_hosts(broker: Redis) -> None:
    tasks.sweep()
    RateLimiter(broker).pause("films.example", 3600)
    broker.incrby(CLOCK_KEY, 86_400_000)
    tasks.sweep()
    assert RateLimiter(broker).start("films.example", 1) == 0
