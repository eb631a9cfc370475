"""Rate, time left and what a run waits for: the same everywhere, reasons for staff only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client

from catalog.management.commands import status
from catalog.models import Run
from catalog.runs import chunks, lifecycle
from tests.catalog.pages import one, soup
from tests.factories import MovieFactory, RunFactory, RunItemFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WHY = "https://site.example/secret: the server asks to come back in 2 hours."


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def moving() -> Run:
    return RunFactory(
        kind="scrape", state="running", total=240, done=120, recent_items=60, recent_seconds=30, moved_at=NOON
    )


def waiting() -> Run:
    run = RunFactory(kind="scrape", state="running", total=2, done=1, moved_at=NOON)
    RunItemFactory(run=run, not_before=NOON + timedelta(hours=2), error=WHY)
    return run


def abandoned() -> Run:
    return RunFactory(kind="scrape", state="running", total=2, done=1, moved_at=NOON - timedelta(hours=3))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (moving, "about 1 min left"),
        (waiting, "waits until 14:00"),
        (abandoned, "stalled since 09:00"),
    ],
)
def test_it_is_the_same_everywhere(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Run], words: str
) -> None:
    run = make()
    for address in ("/", "/runs/live/", "/runs/", "/admin/"):
        assert words in " ".join(soup(admin_client.get(address)).get_text().split())
    assert admin_client.get(f"/api/runs/{run.pk}").json()["outlook"] == words
    page = soup(admin_client.get(f"/admin/catalog/run/{run.pk}/change/")).get_text().lower()
    assert words in page
    monkeypatch.setattr(status, "SECTIONS", {"live runs": status.live_runs})
    out = StringIO()
    call_command("status", stdout=out)
    assert words in out.getvalue()


def test_a_runs_page_shows_rate_and_time_left(admin_client: Client) -> None:
    page = soup(admin_client.get(moving().get_absolute_url()))
    figures = {dl.dt.get_text(): dl.dd.get_text() for dl in page.select(".figures div")}  # type: ignore[union-attr]
    assert (figures["Speed"], figures["Time left"]) == ("2 a second", "1 min")
    assert page.select("#run-progress .message") == []


def test_only_staff_read_why_a_run_waits(client: Client, admin_client: Client) -> None:
    run = waiting()
    message = one(soup(admin_client.get(run.get_absolute_url())), "#run-progress .message").get_text()
    assert "Waits until 14:00." in message and WHY in message
    for visitor in ("/", "/runs/live/"):
        assert "site.example" not in client.get(visitor).text


def test_a_runs_page_says_how_many_are_still_to_come(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "KEYS_PER_CHUNK", 3)
    MovieFactory.create_batch(5)
    run = lifecycle.start("scrape", queue=False)
    address = run.get_absolute_url()
    queued = one(soup(admin_client.get(address)), ".not-listed").get_text()
    assert queued.startswith("2 more")
    assert not soup(admin_client.get(address, {"state": "pending"})).select(".not-listed")
    lifecycle.cancel(run)
    cancelled = one(soup(admin_client.get(address)), ".not-listed").get_text()
    assert cancelled.startswith("2 more") and cancelled != queued


def test_items_of_deleted_movies_are_not_announced(admin_client: Client) -> None:
    run = RunFactory(kind="scrape", state="done", total=3, done=3)
    RunItemFactory(run=run, state="done")
    assert not soup(admin_client.get(run.get_absolute_url())).select(".not-listed")
