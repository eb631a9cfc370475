"""Pages do not move while they load, and their content fits at every width."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from catalog.models import Movie
from tests.browser.sample_pages import ADMIN_ADDRESSES, SITE_ADDRESSES, make_catalogue
from tests.factories import UserFactory

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
# Pages of one movie, which show its title in large letters.
MOVIE_REVIEW_ADDRESSES = [
    "/admin/catalog/reviewqueue/{movie}/change/",
    "/admin/catalog/reviewqueue/{movie}/history/",
]
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
BROKEN_IMAGES = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"


@pytest.mark.parametrize("width", [390, 820, 1280, 1440])
@pytest.mark.parametrize(
    ("addresses", "title"),
    [
        (SITE_ADDRESSES, LONG_WORD),
        (ADMIN_ADDRESSES, "A title so long that it has to break somewhere or other " * 2),
        (MOVIE_REVIEW_ADDRESSES, LONG_WORD),
    ],
    ids=["site", "admin", "admin with a long word"],
)
def test_pages_fit_and_do_not_move_while_they_load(
    admin_page: Page, live_server: Any, addresses: list[str], title: str, width: int
) -> None:
    ids = make_catalogue(title)
    admin_page.set_viewport_size({"width": width, "height": 900})
    shifts = {}
    for address in addresses:
        admin_page.goto(live_server.url + address.format(**ids))
        shifts[address] = admin_page.evaluate(SHIFT)
        assert admin_page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert admin_page.locator("h1").count() == 1, address
        assert admin_page.evaluate(BROKEN_IMAGES) == [], address
    assert {address: shift for address, shift in shifts.items() if shift > 0.001} == {}


@pytest.mark.parametrize("address", ["/admin/catalog/poster/", "/runs/"])
def test_lists_do_not_move_on_a_slow_machine(admin_page: Page, live_server: Any, address: str) -> None:
    """Rows that arrive after the first painting would change the widths of columns."""
    make_catalogue("A title so long that it has to break somewhere or other " * 2)
    admin_page.set_viewport_size({"width": 1440, "height": 900})
    admin_page.context.new_cdp_session(admin_page).send("Emulation.setCPUThrottlingRate", {"rate": 6})
    admin_page.goto(f"{live_server.url}{address}")
    assert admin_page.evaluate(SHIFT) == 0


def test_a_closed_sidebar_stays_closed(admin_page: Page, live_server: Any) -> None:
    admin_page.goto(f"{live_server.url}/admin/catalog/movie/")
    admin_page.locator("#toggle-nav-sidebar").click()
    admin_page.goto(f"{live_server.url}/admin/catalog/movie/")
    assert not admin_page.locator("#nav-sidebar").is_visible()
    assert admin_page.evaluate(SHIFT) == 0


@pytest.mark.parametrize("width", [320, 390, 768, 820, 1024, 1280])
def test_nothing_in_the_header_covers_anything(
    page: Page, live_server: Any, sign_in: Callable[[Page, Any], None], width: int
) -> None:
    make_catalogue()
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(live_server.url)
    assert not page.evaluate(CROWDED)
    sign_in(page, UserFactory(admin=True))
    page.goto(f"{live_server.url}/admin/catalog/reviewqueue/")
    assert not page.evaluate(CROWDED)
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
def test_lists_of_many_columns_are_whole(admin_page: Page, live_server: Any, width: int, name: str) -> None:
    make_catalogue()
    admin_page.set_viewport_size({"width": width, "height": 900})
    admin_page.goto(f"{live_server.url}/admin/catalog/{name}/")
    assert not admin_page.evaluate(CUT_OFF)


def test_a_small_window_has_room_for_lists_and_fields(admin_page: Page, live_server: Any) -> None:
    ids = make_catalogue()
    admin_page.set_viewport_size({"width": 820, "height": 900})
    admin_page.goto(f"{live_server.url}/admin/catalog/movie/")
    right = "each => each.getBoundingClientRect().right"
    assert admin_page.locator(".results").evaluate(right) == admin_page.locator("#content-main").evaluate(
        right
    )
    admin_page.goto(f"{live_server.url}/admin/catalog/movie/{ids['movie']}/change/")
    edge = admin_page.locator("#content-main").evaluate(right)
    assert max(admin_page.locator(".form-row input:visible").evaluate_all(f"all => all.map({right})")) <= edge


def test_a_rejection_is_not_green(admin_page: Page, live_server: Any) -> None:
    make_catalogue()
    admin_page.goto(f"{live_server.url}/admin/catalog/reviewqueue/grid/")
    admin_page.keyboard.press("x")
    outcome = admin_page.locator(".outcome", has_text="Rejected")
    outcome.wait_for()
    colours = "each => [getComputedStyle(each).color, getComputedStyle(each).backgroundColor].join()"
    rejected = outcome.evaluate(colours)
    admin_page.keyboard.press("a")
    accepted = admin_page.locator(".outcome", has_text="Accepted")
    accepted.wait_for()
    assert accepted.evaluate(colours) != rejected
    assert Movie.objects.filter(suggestions__state="rejected").exists()


def test_the_scheme_that_was_chosen_holds_on_all_pages(admin_page: Page, live_server: Any) -> None:
    make_catalogue()
    scheme = (
        "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).colorScheme]"
    )
    for chosen, colours in (
        ("dark", ["rgb(18, 18, 21)", "dark"]),
        ("light", ["rgb(250, 249, 247)", "light"]),
    ):
        # The other scheme is the system's.
        admin_page.emulate_media(color_scheme="light" if chosen == "dark" else "dark")
        admin_page.goto(f"{live_server.url}/admin/catalog/duplicategroup/")
        admin_page.locator(".theme-toggle").click()
        for address in ("/", "/admin/catalog/duplicategroup/", "/runs/"):
            admin_page.goto(live_server.url + address)
            assert admin_page.evaluate(scheme) == colours, (chosen, address)
        admin_page.evaluate("localStorage.clear()")
