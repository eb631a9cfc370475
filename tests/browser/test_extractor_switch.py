"""Switching extractors changes the strip alone, keeps the address shareable, and works without JavaScript."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from catalog.embeddings.index_files import build_stale
from catalog.models import Movie
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def film() -> Movie:
    by_first, by_second = ExtractorFactory(spec="histograms", dims=2), ExtractorFactory(spec="pixels", dims=2)
    rows = {"Here": ([1, 0], [0, 0]), "One": ([1, 0.1], [9, 9]), "Two": ([0, 1], [0, 1])}
    for title, (first, second) in rows.items():
        poster = MovieFactory(title=title, poster=True).primary_poster
        EmbeddingFactory(poster=poster, extractor=by_first, values=first)
        EmbeddingFactory(poster=poster, extractor=by_second, values=second)
    build_stale()
    return Movie.objects.get(title="Here")


def test_htmx_swaps_only_the_strip(page: Page, live_server: Any, film: Movie) -> None:
    page.goto(live_server.url + film.get_absolute_url())
    page.evaluate("window.sameDocument = true")
    titles = page.locator("#lookalikes .title")
    assert titles.all_inner_texts() == ["One", "Two"]
    page.get_by_role("link", name="Raw pixels").click()
    expect(titles).to_have_text(["Two", "One"])
    assert page.evaluate("window.sameDocument") is True
    expect(page).to_have_url(re.compile("extractor="))
    expect(page.get_by_role("link", name="Raw pixels")).to_be_focused()
    page.get_by_role("link", name="Ball tree").click()
    expect(page.locator("#method-ball_tree")).to_have_attribute("aria-current", "true")
    expect(page.locator("#method-ball_tree")).to_be_focused()
    expect(page).to_have_url(re.compile("method=ball_tree"))
    page.reload()
    assert titles.all_inner_texts() == ["Two", "One"]
    assert page.locator("#lookalikes [aria-current]").all_inner_texts() == [
        "Raw pixels",
        "Euclidean (ball tree of the published recipe)",
    ]


def test_ticking_an_extractor_swaps_only_the_rows(page: Page, live_server: Any, film: Movie) -> None:
    page.goto(f"{live_server.url}/compare/{film.pk}/")
    page.evaluate("window.sameDocument = true")
    assert page.locator(".rows h2").count() == 2
    page.get_by_role("checkbox", name="Raw pixels").uncheck()
    expect(page.locator(".rows h2")).to_have_count(1)
    expect(page).to_have_url(re.compile("extractor="))
    assert page.evaluate("window.sameDocument") is True


def test_both_work_without_javascript(chromium: Browser, live_server: Any, film: Movie) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(live_server.url + film.get_absolute_url())
    page.get_by_role("link", name="Raw pixels").click()
    # A click waits until the next page begins, not until it is there.
    expect(page.locator("#lookalikes .title")).to_have_text(["Two", "One"])
    page.get_by_role("link", name="Compare all extractors").click()
    page.get_by_role("checkbox", name="Colour and shape").uncheck()
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".rows h2")).to_have_count(1)
    context.close()
