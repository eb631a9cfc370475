"""Moving the sliders of the page about quality changes the simulation without loading the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.catalog.genres.decided import decide, suggest
from tests.factories import GenreModelFactory

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_simulation_follows_the_slider(reviewer_page: Page, live_server: Any) -> None:
    model = GenreModelFactory(state="active")
    decide(model, 9, 1, score=0.92)
    suggest(model, 4, score=0.93)
    suggest(model, 2, score=0.65)
    reviewer_page.goto(f"{live_server.url}/admin/catalog/reviewqueue/quality/")
    reviewer_page.evaluate("window.sameDocument = true")
    simulation = reviewer_page.locator("#simulation")
    expect(simulation).to_contain_text("6 suggested")
    slider = reviewer_page.get_by_label("Suggest from")
    slider.focus()
    for _ in range(20):
        reviewer_page.keyboard.press("ArrowRight")
    expect(simulation).to_contain_text("From .80: 4 suggested")
    assert reviewer_page.evaluate("window.sameDocument") is True
    expect(slider).to_be_focused()
