"""A batch is accepted and undone from its page, which follows the run by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from catalog.admin import bulk_acceptance
from catalog.models import MovieGenre, Run
from catalog.runs import local_worker
from tests.catalog.admin.cards import pending

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SURE = "/admin/catalog/reviewqueue/sure/"


@pytest.mark.parametrize("width", [390, 1280])
def test_accept_follow_and_undo(keeper_page: Page, live_server: Any, width: int) -> None:
    page = keeper_page
    movie = pending("A title so long that it has to break somewhere or other", Drama=0.9, Crime=0.8)
    movie.suggestions.update(sure=True)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(live_server.url + SURE)
    page.get_by_role("button", name="Accept 2 suggestions").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    for verb, left in (("accept", 2), ("undo", 0)):
        local_worker.process_run(Run.objects.get(state="queued"))
        expect(page.get_by_role("progressbar")).to_have_count(0)
        expect(page.locator("#batch[hx-get]")).to_have_count(0)
        assert MovieGenre.objects.count() == left
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if verb == "accept":
            page.get_by_role("button", name="Undo 2 decisions").click()
            expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("#batch")).to_contain_text("2 undone")


@pytest.mark.parametrize("width", [390, 1280])
def test_wrong_posters_are_excluded_by_keyboard_and_by_click(
    keeper_page: Page, live_server: Any, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_acceptance, "PAGE_SIZE", 3)
    page = keeper_page
    movies = [pending(f"Film {n}", Drama=0.5 + n / 10) for n in range(5)]
    genre = movies[0].suggestions.get().genre_id
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{live_server.url}/admin/catalog/reviewqueue/accept/?genre={genre}")
    tile = page.get_by_label("Exclude Film 1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(tile).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("#acceptance-text")).to_contain_text("1 movie excluded")
    page.keyboard.press("x")
    expect(page.locator("#acceptance-text")).not_to_contain_text("excluded")
    page.keyboard.press("Space")
    # Neither Enter nor the letters of other pages decide about all of them.
    for key in ("Enter", "a", "r", "s"):
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="Accept 4 suggestions")).to_be_visible()
    page.get_by_role("button", name="Page 2").click()
    page.locator(".accept-tile", has_text="Film 4").locator("label").click()
    expect(page.get_by_role("button", name="Accept 3 suggestions")).to_be_visible()
    page.get_by_role("button", name="Page 1").click()
    expect(tile).to_be_checked()
    page.reload()
    expect(tile).to_be_checked()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Accept 3 suggestions").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    local_worker.process_run(Run.objects.get(state="queued"))
    expect(page.locator("#batch")).to_contain_text("3 of 3 suggestions accepted")
    accepted = MovieGenre.objects.order_by("movie").values_list("movie__title", flat=True)
    assert list(accepted) == ["Film 0", "Film 2", "Film 3"]
