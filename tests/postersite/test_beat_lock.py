"""Two beats on one broker: one sends, and the other goes on where it stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery
from celery.schedules import crontab
from django.utils import timezone
from pytest_django.fixtures import Settings
from redis import Redis

from ml.processes import this_machine, this_process
from postersite.beat import ALIVE_SUFFIX, Scheduler
from postersite.beat_lock import LOCK_KEY, LOCK_S, RENEW_S, BeatLock
from postersite.launcher.broker import private_broker

pytestmark = pytest.mark.process

Start = Callable[[str], Scheduler]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with private_broker(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture
def broker(url: str) -> Iterator[Redis]:
    with Redis.from_url(url) as client:
        client.flushall()
        yield client


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that were sent, by whichever beat."""
    found: list[str] = []
    monkeypatch.setattr(Scheduler, "apply_async", lambda _, entry, **options: found.append(entry.task))
    return found


@pytest.fixture
def start(tmp_path: Path, url: str, settings: Settings, broker: Redis, sent: list[str]) -> Iterator[Start]:
    settings.REDIS_URL = url
    started: list[Scheduler] = []

    def start(machine: str) -> Scheduler:
        app = Celery("test", broker="memory://")
        app.conf.result_expires = None  # else Celery adds an entry
        app.conf.beat_schedule = {
            "often": {"task": "often", "schedule": 3600},
            "nightly": {"task": "nightly", "schedule": crontab(minute="0", hour="3")},
        }
        scheduler = Scheduler(app, schedule_filename=str(tmp_path / machine))
        scheduler._lock = BeatLock(url, f"{machine}/1/0")
        started.append(scheduler)
        return scheduler

    yield start
    for scheduler in started:
        scheduler.close()


def make_due(*schedulers: Scheduler) -> None:
    for scheduler in schedulers:
        for entry in scheduler.schedule.values():
            entry.last_run_at = timezone.now() - timedelta(days=2)
        scheduler._heap = None


def test_only_one_sends_and_another_takes_over(start: Start, broker: Redis, sent: list[str]) -> None:
    first, second = start("first"), start("second")
    make_due(first, second)
    for _ in range(3):
        assert first.tick() <= RENEW_S
        assert second.tick() == RENEW_S
    assert sorted(sent) == ["nightly", "often"]
    assert LOCK_S - 2 < broker.ttl(LOCK_KEY) <= LOCK_S

    # The first dies. What it sent is not sent again, though the second's own schedule says that it is due.
    broker.delete(LOCK_KEY)
    for _ in range(3):
        second.tick()
        assert first.tick() == RENEW_S
    assert sorted(sent) == ["nightly", "often"]
    make_due(second)
    for _ in range(3):
        second.tick()
    assert sorted(sent) == ["nightly", "nightly", "often", "often"]


def test_nothing_is_left_out_between_two_holders(start: Start, broker: Redis, sent: list[str]) -> None:
    """A beat whose own schedule is empty sends what became due since the last one died."""
    first = start("first")
    first.tick()
    long_ago = (timezone.now() - timedelta(days=2)).timestamp()
    for name in first.schedule:
        first._lock.record_sent(name, long_ago)
    broker.delete(LOCK_KEY)
    second = start("second")
    for _ in range(3):
        second.tick()
    assert sorted(sent) == ["nightly", "often"]


def test_a_beat_that_is_stopped_lets_another_go_on_at_once(start: Start, broker: Redis) -> None:
    first, second = start("first"), start("second")
    first.tick()
    second.close()
    assert broker.exists(LOCK_KEY)  # it was not its own
    first.close()
    assert not broker.exists(LOCK_KEY)


def test_a_holder_that_died_on_this_machine_is_replaced_at_once(url: str, broker: Redis) -> None:
    dead = BeatLock(url, f"{this_process()}0")
    assert dead.hold() and BeatLock(url).hold() and not dead.hold()
    broker.delete(LOCK_KEY)
    elsewhere = BeatLock(url, f"another machine/{os.getpid()}/0")
    assert elsewhere.hold() and not BeatLock(url).hold() and elsewhere.hold()
    assert "/" not in this_machine()


def test_a_lock_does_not_last_longer_when_the_clock_is_set_back(url: str, broker: Redis) -> None:
    assert BeatLock(url, "gone/1/0").hold() and not BeatLock(url).hold()
    broker.expire(LOCK_KEY, 86_400)
    assert BeatLock(url).hold()


def test_without_a_broker_it_waits_and_is_alive(
    start: Start, settings: Settings, tmp_path: Path, sent: list[str]
) -> None:
    scheduler = start("first")
    scheduler._lock = BeatLock(f"unix://{tmp_path}/no-broker.sock")
    make_due(scheduler)
    assert scheduler.tick() == RENEW_S and sent == []
    assert (tmp_path / f"first{ALIVE_SUFFIX}").exists()
