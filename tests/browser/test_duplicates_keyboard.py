"""The duplicates page by keyboard: choose a group and a movie, merge after a preview, keep apart."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from catalog.duplicates import search
from tests.catalog.posters.pictures import extractor, showing
from tests.ml.imaging.drawings import drawing

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_group_is_merged_and_another_kept_apart(live_server: Any, admin_page: Page) -> None:
    posters = [
        showing(drawing(seed).resize((width, 300)), title=f"Film {seed}", imdb_id=None, tmdb_id=None)
        for seed in (0, 1, 2)
        for width in (200, 190)
    ]
    search.find(posters, extractor())
    admin_page.goto(f"{live_server.url}/admin/catalog/duplicategroup/")
    expect(admin_page.locator("body.live")).to_be_attached()
    current = admin_page.locator("article.current")
    admin_page.keyboard.press("s")
    expect(current).to_contain_text("Film 1")
    admin_page.keyboard.press("2")
    admin_page.keyboard.press("Enter")
    expect(admin_page.get_by_role("heading", name="Merge into")).to_be_visible()
    admin_page.keyboard.press("Enter")
    expect(admin_page.locator(".messagelist")).to_contain_text("Merged")
    # The next group, not the one that was skipped.
    expect(current).to_contain_text("Film 2")
    admin_page.keyboard.press("x")
    expect(admin_page.locator(".messagelist")).to_contain_text("Kept apart")
    expect(current).to_contain_text("Film 0")
    # The key that accepts in the review queue never keeps apart.
    admin_page.keyboard.press("a")
    expect(admin_page.get_by_role("heading", name="Merge into")).to_be_visible()
