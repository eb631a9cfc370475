"""Every page at phone and desktop width: nothing sticks out, all can be read, the keyboard suffices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from catalog.embeddings.index_files import build_stale
from tests.factories import (
    EmbeddingFactory,
    ExtractorFactory,
    MovieFactory,
    RunFactory,
    RunItemFactory,
    SuggestionFactory,
    UserFactory,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft, The"
ADDRESSES = ["/", "/?q=film&genre=drama", "/?q=zzz", "/movie/{movie}/", "/compare/", "/compare/{movie}/"]
STAFF_ADDRESSES = ["/runs/", "/runs/{run}/"]

# Relative luminance and contrast as WCAG 2.2 defines them, for every text on an opaque background colour.
POOR_CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.textContent.trim()) continue;
    const holder = node.parentElement, style = getComputedStyle(holder);
    if (!holder.checkVisibility() || holder.closest('.visually-hidden, .skip')) continue;
    let under = holder, back = [0, 0, 0, 0];
    for (; under && back[3] === 0; under = under.parentElement) {
      const found = parse(getComputedStyle(under).backgroundColor);
      back = found.length === 3 ? [...found, 1] : found;
    }
    const [light, dark] = [luminance(parse(style.color)), luminance(back)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < 4.5) poor.push(`${node.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


@pytest.fixture
def shelf() -> dict[str, int]:
    """Films with long names, a run with a long error, suggestions: what pages find hardest to hold."""
    extractors = [ExtractorFactory(spec=spec) for spec in ("histograms", "pixels", "inception_v3:mixed8:avg")]
    films = [
        MovieFactory(title=f"{LONG} {number}", genres=["Drama", "Documentary", "Film-Noir"], poster=True)
        for number in range(7)
    ]
    MovieFactory(title="Without poster")
    for film in films:
        for extractor in extractors:
            EmbeddingFactory(poster=film.primary_poster, extractor=extractor)
    build_stale()
    SuggestionFactory(movie=films[0], genre__name="Western")
    run = RunFactory(state="done", total=2, done=1, failed=1, message="x" * 300)
    RunItemFactory(run=run, movie=films[0], state="failed", error="https://example.org/" + "a" * 300)
    return {"movie": films[0].pk, "run": run.pk}


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_and_can_be_read(
    page: Page,
    live_server: Any,
    sign_in: Callable[[Page, Any], None],
    shelf: dict[str, int],
    width: int,
    scheme: Any,
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    sign_in(page, UserFactory(admin=True))
    for address in ADDRESSES + STAFF_ADDRESSES:
        page.goto(live_server.url + address.format(**shelf))
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert page.locator("h1").count() == 1, address
        assert page.evaluate(POOR_CONTRAST) == [], address
        broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        assert page.evaluate(broken) == [], address


def test_the_keyboard_reaches_the_content_first_and_shows_where_it_is(
    page: Page, live_server: Any, shelf: dict[str, int]
) -> None:
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


def test_searching_from_any_page(page: Page, live_server: Any, shelf: dict[str, int]) -> None:
    page.goto(f"{live_server.url}/compare/")
    page.get_by_label("Search films by title, year or id").fill("without")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=without")
    assert page.locator(".wall .title").all_inner_texts() == ["Without poster"]


def test_pictures_leave_no_jump_when_they_arrive(page: Page, live_server: Any, shelf: dict[str, int]) -> None:
    page.goto(live_server.url)
    page.wait_for_load_state("networkidle")
    shifts = """() => new Promise(done => new PerformanceObserver(list =>
        done(list.getEntries().reduce((sum, entry) => sum + entry.value, 0))
    ).observe({type: 'layout-shift', buffered: true}) || setTimeout(() => done(0), 300))"""
    assert page.evaluate(shifts) < 0.02
