"""Pages stand still while they load, and hold what is in them at every width."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from catalog.models import Movie
from tests.browser.shelves import ADDRESSES, filled_shelf
from tests.factories import UserFactory

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Cumulative layout shift, as web browsers measure it: https://web.dev/articles/cls
SHIFT = """() => new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => { for (const entry of list.getEntries()) sum += entry.value; })
    .observe({type: 'layout-shift', buffered: true});
  setTimeout(() => done(sum), 150);
})"""
# What stands over another in the site's header, or beyond the window.
CROWDED = """() => {
  const boxes = [...document.querySelectorAll('header.site .mark, header.site .search, header.site nav li')]
    .map(each => each.getBoundingClientRect()).filter(box => box.width);
  const over = (a, b) =>
    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return boxes.some((a, i) => a.right > innerWidth || boxes.slice(i + 1).some(b => over(a, b)));
}"""
CUT_OFF = """() => [...document.querySelectorAll('.results, .wide-table')]
  .some(each => each.scrollWidth > each.clientWidth)"""


@pytest.mark.parametrize("width", [390, 820, 1280, 1440])
def test_no_page_moves_while_it_loads(
    page: Page, live_server: Any, sign_in: Callable[[Page, Any], None], width: int
) -> None:
    shelf = filled_shelf()
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, UserFactory(admin=True))
    shifts = {}
    for address in ADDRESSES:
        page.goto(live_server.url + address.format(**shelf))
        shifts[address] = page.evaluate(SHIFT)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    assert {address: shift for address, shift in shifts.items() if shift > 0.001} == {}


def test_a_closed_sidebar_stays_closed(
    page: Page, live_server: Any, sign_in: Callable[[Page, Any], None]
) -> None:
    sign_in(page, UserFactory(admin=True))
    page.goto(f"{live_server.url}/admin/catalog/movie/")
    page.locator("#toggle-nav-sidebar").click()
    page.goto(f"{live_server.url}/admin/catalog/movie/")
    assert not page.locator("#nav-sidebar").is_visible()
    assert page.evaluate(SHIFT) == 0


@pytest.mark.parametrize("width", [320, 390, 768, 820, 1024, 1280])
def test_nothing_in_the_header_covers_anything(
    page: Page, live_server: Any, sign_in: Callable[[Page, Any], None], width: int
) -> None:
    filled_shelf()
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(live_server.url)
    assert not page.evaluate(CROWDED)
    sign_in(page, UserFactory(admin=True))
    page.goto(live_server.url)
    assert not page.evaluate(CROWDED)
    if width >= 390:
        tops = page.locator("header.site nav li").evaluate_all(
            "all => all.map(each => each.getBoundingClientRect().top)"
        )
        assert len(set(tops)) == 1


@pytest.mark.parametrize(
    ("width", "name"), [(1280, "genremodel"), (1440, "genremodel"), (1440, "run"), (1440, "poster")]
)
def test_lists_of_many_columns_are_whole(
    page: Page, live_server: Any, sign_in: Callable[[Page, Any], None], width: int, name: str
) -> None:
    filled_shelf()
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, UserFactory(admin=True))
    page.goto(f"{live_server.url}/admin/catalog/{name}/")
    assert not page.evaluate(CUT_OFF)


def test_a_small_window_has_room_for_lists_and_fields(
    page: Page, live_server: Any, sign_in: Callable[[Page, Any], None]
) -> None:
    shelf = filled_shelf()
    page.set_viewport_size({"width": 820, "height": 900})
    sign_in(page, UserFactory(admin=True))
    page.goto(f"{live_server.url}/admin/catalog/movie/")
    right = "each => each.getBoundingClientRect().right"
    assert page.locator(".results").evaluate(right) == page.locator("#content-main").evaluate(right)
    page.goto(f"{live_server.url}/admin/catalog/movie/{shelf['movie']}/change/")
    edge = page.locator("#content-main").evaluate(right)
    assert max(page.locator(".form-row input:visible").evaluate_all(f"all => all.map({right})")) <= edge


def test_a_rejection_is_not_green(page: Page, live_server: Any, sign_in: Callable[[Page, Any], None]) -> None:
    filled_shelf()
    sign_in(page, UserFactory(admin=True))
    page.goto(f"{live_server.url}/admin/catalog/reviewqueue/")
    page.keyboard.press("r")
    outcome = page.locator(".outcome", has_text="Rejected")
    outcome.wait_for()
    plain = page.evaluate("getComputedStyle(document.querySelector('#queue-waiting')).color")
    colours = "each => [getComputedStyle(each).color, getComputedStyle(each).backgroundColor].join()"
    rejected = outcome.evaluate(colours)
    page.keyboard.press("a")
    accepted = page.locator(".outcome", has_text="Accepted")
    accepted.wait_for()
    assert accepted.evaluate(colours) != rejected and plain
    assert Movie.objects.filter(suggestions__state="rejected").exists()
