"""Progress moves by itself while a run is live, and the browser stops asking once it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from catalog.models import Movie, Run, RunItem
from tests.factories import MovieFactory, PosterFactory, RunFactory, RunItemFactory, UserFactory

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

QUIET_MS = 2_600


def test_a_runs_page_follows_it_to_the_end_and_then_rests(
    page: Page, live_server: Any, sign_in: Callable[[Page, Any], None]
) -> None:
    run = RunFactory(state="running", total=4, done=0, started_at=timezone.now())
    item = RunItemFactory(run=run, movie=MovieFactory(title="The one"), state="running")
    sign_in(page, UserFactory(admin=True))
    page.goto(live_server.url + run.get_absolute_url())
    assert page.locator(".headline strong").inner_text() == "0%"
    Run.objects.filter(pk=run.pk).update(done=2)
    expect(page.locator(".headline strong")).to_have_text("50%")
    expect(page.locator("#announce")).to_have_text("Fetching posters: 50 percent")
    RunItem.objects.filter(pk=item.pk).update(state="failed", error="The one: no poster.")
    Run.objects.filter(pk=run.pk).update(done=3, failed=1, state="done", finished_at=timezone.now())
    page.get_by_role("button", name="Retry 1 failed").wait_for()
    page.locator(".items .result", has_text="The one: no poster.").wait_for()
    expect(page.locator("#announce")).to_contain_text("3 done, 1 failed")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(QUIET_MS)
    assert asked == []


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
    page.get_by_role("link", name="Reload").wait_for()
    expect(page.locator("[hx-trigger^=every]")).to_have_count(0)


def test_the_list_of_runs_follows_too(
    page: Page, live_server: Any, sign_in: Callable[[Page, Any], None]
) -> None:
    run = RunFactory(state="running", total=10)
    sign_in(page, UserFactory(admin=True))
    page.goto(f"{live_server.url}/runs/")
    page.locator(f"#run-{run.pk}").focus()
    Run.objects.filter(pk=run.pk).update(done=7)
    page.get_by_text("7 of 10").wait_for()
    assert page.evaluate("document.activeElement.id") == f"run-{run.pk}"


def test_nothing_is_asked_while_nothing_runs_and_a_new_run_is_noticed_on_return(
    page: Page, live_server: Any
) -> None:
    MovieFactory()
    page.goto(live_server.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(QUIET_MS)
    assert asked == [] and not page.locator("#live").is_visible()
    run = RunFactory(kind="scrape", state="running", total=4)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.locator("#live")).to_contain_text("0 of 4")
    Run.objects.filter(pk=run.pk).update(done=3)
    expect(page.locator("#live")).to_contain_text("3 of 4")
