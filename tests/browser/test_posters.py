"""A movie's posters in the admin: dropped, pasted, chosen, enlarged."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from catalog.models import Movie
from tests.factories import MovieFactory, PosterFactory, tiny_jpeg

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Drops or pastes a file, or a text if `bytes` is empty.
GIVE = """([event, bytes, text]) => {
  const data = new DataTransfer();
  if (bytes) {
    const array = Uint8Array.from(atob(bytes), each => each.charCodeAt(0));
    data.items.add(new File([array], 'new.jpg', {type: 'image/jpeg'}));
  } else data.setData('text/plain', text);
  const target = document.getElementById('poster-drop');
  const made = event === 'paste'
    ? new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})
    : new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true});
  target.dispatchEvent(made);
}"""


@pytest.fixture
def movie(admin_page: Page, live_server: Any) -> Movie:
    movie = MovieFactory(title="Ember", poster=True)
    PosterFactory(movie=movie)
    admin_page.goto(f"{live_server.url}/admin/catalog/movie/{movie.pk}/change/")
    return movie


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(admin_page: Page, movie: Movie, event: str) -> None:
    zone = admin_page.locator("#poster-drop")
    admin_page.evaluate(GIVE, [event, "", "https://films.example/new.jpg and more"])
    expect(admin_page.locator("#id_poster_address")).to_have_value("https://films.example/new.jpg")
    admin_page.evaluate(GIVE, [event, base64.b64encode(tiny_jpeg(9, (80, 120))).decode(), ""])
    expect(zone).to_contain_text("new.jpg")
    expect(zone.locator("img")).to_be_visible()
    expect(admin_page.locator("#id_poster_address")).to_have_value("")
    admin_page.get_by_role("button", name="Save", exact=True).first.click()
    expect(admin_page.locator(".messagelist")).to_contain_text("80 × 120 px")
    assert movie.posters.get(is_primary=True).source == "upload"


def test_a_poster_is_enlarged_and_chosen(admin_page: Page, movie: Movie) -> None:
    dialog = admin_page.get_by_role("dialog")
    enlarge = admin_page.get_by_role("link", name="Enlarge").last
    enlarge.click()
    expect(dialog.locator("img")).to_be_visible()
    admin_page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(enlarge).to_be_focused()
    admin_page.locator(".poster-choices img").last.click()
    expect(admin_page.locator(".poster-choices input").last).to_be_checked()
    assert admin_page.url.endswith("/change/")
