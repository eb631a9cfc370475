"""Rate, time left and what a run waits for: the same words wherever a run is shown, why for staff only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client

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
def test_every_place_says_the_same(admin_client: Client, make: object, words: str) -> None:
    run = make()  # type: ignore[operator]
    for address in ("/", "/runs/live/", "/runs/", "/admin/"):
        assert words in " ".join(soup(admin_client.get(address)).get_text().split())
    assert admin_client.get(f"/api/runs/{run.pk}").json()["outlook"] == words
    page = soup(admin_client.get(f"/admin/catalog/run/{run.pk}/change/")).get_text().lower()
    assert words in page
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("status", stdout=out)
    assert words in out.getvalue()


def test_a_runs_page_shows_rate_and_time_left(admin_client: Client) -> None:
    page = soup(admin_client.get(moving().get_absolute_url()))
    figures = {dl.dt.get_text(): dl.dd.get_text() for dl in page.select(".figures div")}  # type: ignore[union-attr]
    assert (figures["Speed"], figures["Left"]) == ("2 a second", "1 min")
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
    assert (
        "Listed here when their turn comes: 2 more."
        in soup(admin_client.get(run.get_absolute_url())).get_text()
    )
    assert "their turn" not in soup(admin_client.get(run.get_absolute_url(), {"state": "pending"})).get_text()
    lifecycle.cancel(run)
    assert "Never begun: 2 more." in soup(admin_client.get(run.get_absolute_url())).get_text()


def test_a_run_whose_movies_were_deleted_since_promises_none(admin_client: Client) -> None:
    run = RunFactory(kind="scrape", state="done", total=3, done=3)
    RunItemFactory(run=run, state="done")
    page = soup(admin_client.get(run.get_absolute_url())).get_text()
    assert "Never begun" not in page and "their turn" not in page
