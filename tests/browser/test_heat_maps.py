"""Heat maps in a browser: by key in the review queue, by pointer and keyboard elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Suggestion
from catalog.posters import primary
from tests.catalog.genres.explained_posters import picture, suggestions_with_maps

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def suggestions() -> list[Suggestion]:
    return suggestions_with_maps(genres=["Horror", "Drama"], title="Ember")


@pytest.fixture
def queue(reviewer_page: Any, live_server: Any, suggestions: list[Suggestion]) -> Any:
    reviewer_page.goto(f"{live_server.url}/admin/catalog/reviewqueue/grid/")
    reviewer_page.wait_for_load_state("load")
    return reviewer_page


@pytest.fixture
def film(page: Any, live_server: Any, suggestions: list[Suggestion]) -> Any:
    page.goto(live_server.url + suggestions[0].movie.get_absolute_url())
    page.wait_for_load_state("load")
    return page


def overlay(page: Any, genre: str) -> Any:
    return page.locator(f".heat-layer img[alt^='Where the model sees {genre}: ']")


def heat_button(page: Any, genre: str) -> Any:
    return page.get_by_role("button", name=f"Heat map of {genre} in Ember")


def test_h_goes_through_the_genres_of_the_card(queue: Any) -> None:
    queue.keyboard.press("h")
    overlay(queue, "Horror").wait_for()
    poster, layer = (
        queue.locator(".card-poster a img").bounding_box(),
        queue.locator(".heat-layer").bounding_box(),
    )
    assert {side: round(poster[side]) for side in ("x", "y", "width", "height")} == {
        side: round(layer[side]) for side in ("x", "y", "width", "height")
    }
    assert heat_button(queue, "Horror").get_attribute("aria-pressed") == "true"
    queue.get_by_role("status").filter(has_text="Where the model sees Horror: ").wait_for()
    queue.keyboard.press("h")
    overlay(queue, "Drama").wait_for()
    assert overlay(queue, "Horror").count() == 0
    queue.keyboard.press("h")
    assert queue.locator(".heat-layer, [aria-pressed=true]").count() == 0


def test_pointing_shows_and_pressing_keeps(film: Any, suggestions: list[Suggestion]) -> None:
    heat_button(film, "Horror").hover()
    overlay(film, "Horror").wait_for()
    film.mouse.move(0, 0)
    overlay(film, "Horror").wait_for(state="detached")
    heat_button(film, "Horror").click()
    heat_button(film, "Drama").hover()
    overlay(film, "Drama").wait_for()
    film.mouse.move(0, 0)
    overlay(film, "Horror").wait_for()
    film.keyboard.press("Escape")
    assert film.locator(".heat-layer, [aria-pressed=true]").count() == 0
    assert film.url.endswith(suggestions[0].movie.get_absolute_url())


def test_the_keyboard_alone_suffices(film: Any) -> None:
    film.keyboard.press("Tab")
    while film.evaluate("!document.activeElement.matches('[data-heat]')"):
        film.keyboard.press("Tab")
    overlay(film, "Horror").wait_for()
    film.keyboard.press("Space")
    film.keyboard.press("Tab")
    overlay(film, "Drama").wait_for()
    film.keyboard.press("Tab")
    overlay(film, "Horror").wait_for()


def test_a_map_of_an_earlier_poster_brings_that_poster(queue: Any, suggestions: list[Suggestion]) -> None:
    primary.store_poster(suggestions[0].movie, picture(9), source="upload")
    queue.reload()
    queue.keyboard.press("h")
    overlay(queue, "Horror").wait_for()
    beneath = queue.locator(".heat-layer img").first
    assert suggestions[0].poster_sha256 in beneath.get_attribute("src")
    assert "on an earlier poster" in queue.locator(".heat-caption").inner_text()


def test_without_a_map_the_reason_is_shown(queue: Any, suggestions: list[Suggestion]) -> None:
    # Pictures of the page that stands there may still be on their way, and would be missed.
    address = queue.url
    queue.goto("about:blank")
    suggestions[0].movie.posters.get().delete()
    queue.goto(address)
    queue.locator("[data-heat]").first.click()
    queue.get_by_text("The poster of this suggestion was deleted.").first.wait_for()
