"""Progress of a run: its recent rate, the time left, pauses included, and why it does not move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from catalog.models import Run, RunItem
from catalog.runs import leases
from catalog.runs.progress import Progress, clock, progress_of
from tests.factories import RunFactory, RunItemFactory

from .scrapes import scrape_of

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.get_default_timezone())


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def finish_one(run: Run, now: time_machine.Traveller, seconds: float) -> None:
    first, *others = leases.acquire_batch(run.pk)
    RunItem.objects.filter(pk__in=[item.pk for item in others]).update(state="pending", attempts=0)
    now.shift(seconds)
    assert leases.finish(first)
    run.refresh_from_db()


@given(
    gaps=st.lists(st.floats(0.01, 500), min_size=1, max_size=60),
    pause=st.floats(0, 1e6),
)
def test_the_rate_lies_between_the_slowest_and_the_fastest_pace_whatever_the_pauses(
    gaps: list[float], pause: float
) -> None:
    run = Run(state=Run.State.RUNNING)
    moment = NOON
    for gap in gaps:
        run.counted_at = moment = moment + timedelta(seconds=pause)  # as a lease does after a pause
        moment += timedelta(seconds=gap)
        for name, value in run.counted(1, moment).items():
            setattr(run, name, value)
    assert run.per_second is not None
    assert 0.99 / max(gaps) <= run.per_second <= 1.01 * max(1 / gap + 1 / 180 for gap in gaps)


@given(pace=st.floats(0.01, 30), count=st.integers(1, 2000))
def test_a_steady_pace_is_the_rate_from_the_first_item_on(pace: float, count: int) -> None:
    run = Run(state=Run.State.RUNNING, counted_at=NOON)
    for number in range(1, count + 1):
        for name, value in run.counted(1, NOON + timedelta(seconds=number * pace)).items():
            setattr(run, name, value)
    # An item that took as long as the memory reaches stands for a little more than itself.
    assert run.per_second is not None
    assert 1 / pace - 1e-6 <= run.per_second <= 1 / pace + 1 / 180


def test_a_slow_clock_on_another_host_shortens_nothing() -> None:
    run = Run(state=Run.State.RUNNING, counted_at=NOON, recent_items=3, recent_seconds=6)
    after = run.counted(1, NOON - timedelta(seconds=30))
    assert after == {"recent_items": 4, "recent_seconds": 6, "counted_at": NOON}


pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_a_slow_first_minute_soon_leaves_the_rate(now: time_machine.Traveller) -> None:
    run = scrape_of(70)
    finish_one(run, now, 120)
    assert progress_of(run).per_second == pytest.approx(1 / 120, rel=0.5)
    for _ in range(60):
        finish_one(run, now, 15)
    progress = progress_of(run)
    assert progress.per_second == pytest.approx(1 / 15, rel=0.05)
    assert progress.seconds_left == pytest.approx(9 * 15, rel=0.05)
    assert progress.text.startswith("about 2 min left")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stopped", "killed", "postponed"])
def test_a_pause_does_not_lower_the_rate(now: time_machine.Traveller, how: str) -> None:
    run = scrape_of(60)
    for _ in range(20):
        finish_one(run, now, 2)
    before = progress_of(run).per_second
    if how == "killed":
        leases.acquire_batch(run.pk)
        RunItem.objects.filter(state="running").update(claimed_by=f"{leases.this_process()}0")
    elif how == "postponed":
        for item in leases.acquire_batch(run.pk):
            leases.postpone(item, 3600, "Wait.")
    now.shift(12 * 3600)
    leases.release_expired(run.pk)
    finish_one(run, now, 2)
    assert progress_of(run).per_second == pytest.approx(before, rel=0.1)


def test_postponed_items_count_for_the_time_left(now: time_machine.Traveller) -> None:
    run = scrape_of(5)
    finish_one(run, now, 10)
    leases.postpone(leases.acquire_batch(run.pk)[0], 600, "The site asks to wait.")
    run.refresh_from_db()
    progress = progress_of(run)
    assert progress.seconds_left == pytest.approx(600)
    assert progress.text == "about 10 min left"


def test_a_run_whose_items_are_all_postponed_shows_until_when_and_why(now: time_machine.Traveller) -> None:
    run = scrape_of(3)
    finish_one(run, now, 10)
    for number, item in enumerate(leases.acquire_batch(run.pk)):
        leases.postpone(item, 7200 + 600 * number, "https://site.example/1: the server asks to come back.")
    now.shift(3600)
    run.refresh_from_db()
    progress = progress_of(run)
    assert progress.stalled == progress.text == f"waits until {clock(NOON + timedelta(seconds=7210))}"
    assert progress.text == "waits until 14:00"
    assert progress.reason == "https://site.example/1: the server asks to come back."
    assert progress.seconds_left == pytest.approx(7200 + 600 - 3600, abs=30)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "less than a second left"),
        (47, "about 47 s left"),
        (159, "about 3 min left"),
        (7350, "about 2 h left"),
        (9000, "about 2 h 30 min left"),
    ],
)
def test_an_estimate_is_rounded(seconds: float, words: str) -> None:
    assert Progress(seconds_left=seconds).text == words


def test_a_time_of_another_day_has_its_date(now: time_machine.Traveller) -> None:
    assert clock(NOON + timedelta(hours=2)) == "14:00"
    assert clock(NOON + timedelta(hours=14)) == "23 November, 02:00"


def test_a_run_without_a_worker_is_stalled(now: time_machine.Traveller) -> None:
    run = scrape_of(5)
    finish_one(run, now, 10)
    now.shift(59)
    assert progress_of(run).stalled == ""
    now.shift(600)
    progress = progress_of(run)
    assert progress.stalled == "stalled since 12:00"
    assert progress.seconds_left is None and progress.per_second == pytest.approx(0.1, rel=0.1)
    assert "manage.py status" in progress.reason


def test_a_run_is_not_stalled_while_its_leases_last(now: time_machine.Traveller, settings: Settings) -> None:
    run = scrape_of(5)
    leases.acquire_batch(run.pk)
    run.refresh_from_db()
    now.shift(settings.CLAIM_LEASE_S - 1)
    assert progress_of(run).stalled == ""
    now.shift(2)
    progress = progress_of(run)
    assert progress.stalled == "stalled since 12:00" and "A worker has been" in progress.reason


def test_a_queued_run_waits_to_begin_and_later_for_a_worker(now: time_machine.Traveller) -> None:
    run = scrape_of(5)
    assert progress_of(run).text == "waiting to begin"
    now.shift(300)
    assert progress_of(run).text == "waits for a worker since 12:00"


@pytest.mark.parametrize("kind", ["scrape", "import"])
def test_a_run_that_is_over_and_an_import_have_no_time_left(kind: str) -> None:
    state = Run.State.DONE if kind == "scrape" else Run.State.RUNNING
    run = RunFactory(
        kind=kind, state=state, total=20, done=10, started_at=timezone.now() - timedelta(seconds=10)
    )
    progress = progress_of(run)
    assert (progress.text, progress.reason, progress.seconds_left) == ("", "", None)
    assert progress.per_second == pytest.approx(1, rel=0.2)


def test_a_run_that_moves_costs_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    run = RunFactory(state="running", total=5, moved_at=timezone.now())
    RunItemFactory(run=run)
    with django_assert_num_queries(1):
        progress_of(run)
