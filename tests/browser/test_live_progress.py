"""Progress is updated while a run is live; the browser requests nothing once it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from catalog.models import Movie, Run, RunItem
from tests.factories import MovieFactory, PosterFactory, RunFactory, RunItemFactory

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

QUIET_MS = 2_600


def test_a_runs_page_follows_it_to_the_end_and_then_rests(admin_page: Page, live_server: Any) -> None:
    run = RunFactory(state="running", total=4, done=0, started_at=timezone.now())
    item = RunItemFactory(run=run, movie=MovieFactory(title="The one"), state="running")
    admin_page.goto(live_server.url + run.get_absolute_url())
    assert admin_page.locator(".headline strong").inner_text() == "0%"
    Run.objects.filter(pk=run.pk).update(done=2)
    expect(admin_page.locator(".headline strong")).to_have_text("50%")
    expect(admin_page.locator("#announce")).to_have_text("Fetching posters: 50 percent")
    RunItem.objects.filter(pk=item.pk).update(state="failed", error="The one: no poster.")
    Run.objects.filter(pk=run.pk).update(done=3, failed=1, state="done", finished_at=timezone.now())
    admin_page.get_by_role("button", name="Retry 1 failed").wait_for()
    admin_page.locator(".items .result", has_text="The one: no poster.").wait_for()
    expect(admin_page.locator("#announce")).to_contain_text("3 done, 1 failed")
    requested: list[str] = []
    admin_page.on("request", lambda request: requested.append(request.url))
    admin_page.wait_for_timeout(QUIET_MS)
    assert requested == []


def test_the_wall_fills_while_posters_arrive_and_then_rests(page: Page, live_server: Any) -> None:
    film = MovieFactory(title="Awaited")
    run = RunFactory(kind="scrape", state="running", total=1)
    page.goto(live_server.url)
    assert page.locator("#live").inner_text().strip() == "Fetching posters …"
    page.locator("a.tile").focus()
    PosterFactory(movie=Movie.objects.get(pk=film.pk))
    page.locator(".wall img").wait_for()
    assert page.evaluate("document.activeElement.id") == f"film-{film.pk}"
    Run.objects.filter(pk=run.pk).update(state="done", done=1)
    page.locator("#live").get_by_role("link").wait_for()
    expect(page.locator("[hx-trigger^=every]")).to_have_count(0)


def test_the_list_of_runs_follows_too(admin_page: Page, live_server: Any) -> None:
    run = RunFactory(state="running", total=10)
    admin_page.goto(f"{live_server.url}/runs/")
    admin_page.locator(f"#run-{run.pk}").focus()
    Run.objects.filter(pk=run.pk).update(done=7)
    admin_page.get_by_text("7 of 10").wait_for()
    assert admin_page.evaluate("document.activeElement.id") == f"run-{run.pk}"


def test_nothing_is_requested_while_nothing_runs_and_a_new_run_is_noticed_on_return(
    page: Page, live_server: Any
) -> None:
    MovieFactory()
    page.goto(live_server.url)
    page.wait_for_load_state("networkidle")
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.wait_for_timeout(QUIET_MS)
    assert requested == [] and not page.locator("#live").is_visible()
    run = RunFactory(kind="scrape", state="running", total=4)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.locator("#live")).to_contain_text("0 of 4")
    Run.objects.filter(pk=run.pk).update(done=3)
    expect(page.locator("#live")).to_contain_text("3 of 4")
