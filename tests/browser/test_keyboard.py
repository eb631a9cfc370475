"""The site by keyboard: skip link, visible focus, search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.factories import MovieFactory

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_keyboard_reaches_the_content_first_and_shows_the_focus(page: Page, live_server: Any) -> None:
    MovieFactory(poster=True)
    page.goto(live_server.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.locator(".skip").bounding_box()["y"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('tile')"):
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/movie/*/")


def test_searching_from_any_page(page: Page, live_server: Any) -> None:
    MovieFactory(title="Other")
    MovieFactory(title="Without poster")
    page.goto(f"{live_server.url}/compare/")
    page.get_by_label("Search films by title, year or id").fill("without")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=without")
    assert page.locator(".wall .title").all_inner_texts() == ["Without poster"]
