"""Live progress: shown while it lasts, announced now and then, silent once it is over."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from tests.catalog.pages import one, soup
from tests.factories import MovieFactory, RunFactory, RunItemFactory

pytestmark = pytest.mark.django_db

POLL = {"HX-Request": "true", "HX-Target": "run-progress"}


def test_visitors_see_counts_and_nothing_else_of_live_runs(client: Client) -> None:
    movie = MovieFactory(title="Secret title")
    run = RunFactory(kind="scrape", state="running", total=240, done=119, failed=1)
    RunItemFactory(run=run, movie=movie, state="failed", error="secret error")
    banner = one(soup(client.get("/runs/live/")), "#live")
    assert " ".join(banner.get_text().split()) == "Fetching posters: 120 of 240"
    assert banner.select("a") == []
    assert one(banner, "progress")["value"] == "120"
    assert one(soup(client.get("/")), "#live")["hx-trigger"] == "every 2s, focus from:window"


def test_staff_can_go_from_the_banner_to_the_run(admin_client: Client) -> None:
    run = RunFactory(kind="train", state="running", total=1)
    assert one(soup(admin_client.get("/runs/live/")), "#live a")["href"] == run.get_absolute_url()


def test_the_banner_stops_asking_when_all_is_over(client: Client) -> None:
    RunFactory(state="done", total=1, done=1)
    for address in ("/", "/runs/live/", "/runs/live/?watched=1"):
        assert one(soup(client.get(address)), "#live")["hx-trigger"] == "focus from:window"
    page = soup(client.get("/runs/live/?watched=1"))
    assert one(page, "#announce")["hx-swap-oob"] == "innerHTML"
    assert "hidden" in one(soup(client.get("/runs/live/")), "#live").attrs


def test_the_banner_is_made_once_however_many_pages_ask(
    client: Client, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    RunFactory(kind="scrape", state="running", total=2, done=1)
    first = client.get("/runs/live/?watched=1").content
    with django_assert_num_queries(0):
        assert client.get("/runs/live/?watched=1").content == first
    cache.clear()


def test_progress_is_never_cached(client: Client) -> None:
    assert "no-store" in client.get("/runs/live/")["Cache-Control"]


def test_a_run_is_announced_at_each_quarter_only(admin_client: Client) -> None:
    run = RunFactory(kind="scrape", state="running", total=100, done=26)
    first = soup(admin_client.get(f"/runs/{run.pk}/", {"announced": "0"}, headers=POLL))
    assert "25 percent" in one(first, "#announce").get_text()
    address = str(one(first, "#run-progress")["hx-get"])
    assert address.endswith("announced=25")
    assert soup(admin_client.get(address, headers=POLL)).select("#announce") == []


def test_the_end_is_announced_and_the_items_are_loaded(admin_client: Client) -> None:
    run = RunFactory(kind="scrape", state="done", total=100, done=99, failed=1)
    response = admin_client.get(f"/runs/{run.pk}/", {"announced": "75"}, headers=POLL)
    assert response["HX-Trigger"] == "run-over"
    page = soup(response)
    assert "hx-get" not in one(page, "#run-progress").attrs
    assert "99 done, 1 failed" in one(page, "#announce").get_text()
    whole = soup(admin_client.get(f"/runs/{run.pk}/"))
    assert one(whole, "#items")["hx-trigger"] == "run-over from:body"
    assert one(whole, "#announce").get_text() == ""


@pytest.mark.parametrize(("state", "value"), [("queued", "0"), ("done", "1")])
def test_a_run_of_nothing_is_empty_or_full(admin_client: Client, state: str, value: str) -> None:
    run = RunFactory(state=state)
    assert one(soup(admin_client.get(f"/runs/{run.pk}/")), "#run-progress progress")["value"] == value
