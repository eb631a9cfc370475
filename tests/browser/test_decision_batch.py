"""A batch is accepted and undone from its page, which follows the run by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from catalog.models import MovieGenre, Run
from catalog.runs import local_worker
from tests.catalog.admin.cards import pending

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SURE = "/admin/catalog/reviewqueue/sure/"


@pytest.mark.parametrize("width", [390, 1280])
def test_accept_follow_and_undo(reviewer_page: Page, live_server: Any, width: int) -> None:
    page = reviewer_page
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
