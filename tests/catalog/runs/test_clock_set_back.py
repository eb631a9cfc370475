"""The system clock is set back by a day: nothing waits until it has caught up, no duration is negative."""

from __future__ import annotations

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
from catalog.runs import kinds, leases, local_worker
from catalog.runs.progress import progress_of
from catalog.runs.recovery import sweep
from tests.factories import EmbeddingFactory, RunFactory

from .scrapes import scrape_of

pytestmark = pytest.mark.django_db

A_DAY_BACK = timedelta(days=-1)


def test_a_lease_of_another_host_ends(clock: time_machine.Traveller, broker: Redis, settings: Any) -> None:
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


def test_postponed_items_are_due(clock: time_machine.Traveller, broker: Redis) -> None:
    run = scrape_of(2)
    items = leases.acquire_batch(run.pk)
    for item in items:
        leases.postpone(item, 600, "The site asks to wait.")
    clock.shift(A_DAY_BACK)
    sweep()
    again = leases.acquire_batch(run.pk)
    assert again == items
    # Postponed by the new clock, an item waits as usual.
    leases.postpone(again[0], 600, "The site asks to wait.")
    sweep()
    assert run.items.get(pk=again[0].pk).not_before == timezone.now() + timedelta(seconds=600)


def test_a_command_does_not_wait(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> None:
    run = scrape_of(1)
    leases.postpone(leases.acquire_batch(run.pk)[0], 600, "The site asks to wait.")
    clock.shift(A_DAY_BACK)
    monkeypatch.setitem(kinds._kinds, "scrape", replace(kinds.get("scrape"), process=leases.finish_all))
    monkeypatch.setattr(local_worker.time, "sleep", lambda seconds: pytest.fail("it waits"))
    assert local_worker.process_run(run).done == 1


def test_a_run_that_stands_still_gets_tasks(
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


@pytest.mark.slow
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


def test_the_day_after_which_a_postponed_item_fails_begins_with_the_change(
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


def test_a_failed_search_for_duplicates_does_not_delay_the_next(
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
