"""The review queue in a browser, by keyboard: move, keep, accept, reject, edit, without a reload."""

import pytest

from catalog.models import Suggestion
from tests.catalog.admin.cards import genres, pending, suggestion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
QUEUE = "/admin/catalog/reviewqueue/grid/"


@pytest.fixture
def films():
    """Three films, most confident first in this order."""
    return [
        pending("Ember", Drama=0.95, Horror=0.7),
        pending("Salt", Crime=0.9),
        pending("Paper Tigers", War=0.85),
    ]


@pytest.fixture
def queue(reviewer_page, live_server, films):
    """The queue, open in the browser of a reviewer."""
    reviewer_page.goto(live_server.url + QUEUE)
    return reviewer_page


def current(page):
    return page.locator("article.current h2").inner_text().split("\n")[0].strip()


def expect_decided(page, number):
    page.locator("#decided-count", has_text=f"{number} decided").wait_for()
    # Only the last one is still a line of its own.
    assert page.locator("article.decided:visible").count() == 1


def test_j_and_k_move_between_films(queue):
    assert current(queue).startswith("Ember")
    for key, title in (("j", "Salt"), ("j", "Paper Tigers"), ("j", "Paper Tigers"), ("k", "Salt")):
        queue.keyboard.press(key)
        assert current(queue).startswith(title)


def test_a_accepts_all_collapses_the_card_and_goes_on(queue, films):
    queue.keyboard.press("a")
    expect_decided(queue, 1)
    assert "Accepted Drama, Horror." in queue.locator("article.decided").inner_text()
    assert current(queue).startswith("Salt")
    counted = " ".join(queue.locator("#queue-waiting").inner_text().split())
    assert counted.startswith("2 movies with 2 suggestions ")
    assert genres(films[0]) == {"Drama", "Horror"}


def test_only_genres_above_the_tick_point_are_ticked(reviewer_page, live_server):
    film = pending("Ember", Drama=0.95, Horror=0.3)
    reviewer_page.goto(live_server.url + QUEUE)
    assert reviewer_page.locator("article.current .card-verb").inner_text() == "Accept 1, reject 1"
    reviewer_page.keyboard.press("a")
    expect_decided(reviewer_page, 1)
    assert genres(film) == {"Drama"}


def test_r_rejects_all(queue, films):
    queue.keyboard.press("j")
    queue.keyboard.press("x")
    expect_decided(queue, 1)
    assert suggestion(films[1], "Crime").state == Suggestion.State.REJECTED
    assert current(queue).startswith("Paper Tigers")


def test_a_number_drops_a_genre_and_the_button_says_so(queue, films):
    queue.keyboard.press("2")
    assert queue.locator("article.current .card-verb").inner_text() == "Accept 1, reject 1"
    queue.keyboard.press("2")
    assert queue.locator("article.current .card-verb").inner_text() == "Accept all"
    queue.keyboard.press("2")
    queue.keyboard.press("a")
    expect_decided(queue, 1)
    assert genres(films[0]) == {"Drama"}
    assert suggestion(films[0], "Horror").state == Suggestion.State.REJECTED


def test_a_single_button_decides_one_genre_and_keeps_the_card(queue, films):
    queue.get_by_role("button", name="Reject Horror for Ember").click()
    queue.locator("article.current .outcome").wait_for()
    assert current(queue).startswith("Ember")
    assert queue.locator("article.current .genre").count() == 1
    queue.keyboard.press("a")
    expect_decided(queue, 1)
    assert genres(films[0]) == {"Drama"}


def test_the_page_can_be_worked_through_without_a_mouse(queue, films):
    for number in range(1, 4):
        queue.keyboard.press("a")
        expect_decided(queue, number)
    queue.locator("#queue-more").wait_for()
    queue.keyboard.press("n")
    queue.locator(".queue-empty").wait_for()
    assert not Suggestion.objects.filter(state=Suggestion.State.PENDING).exists()


def test_e_opens_the_edit_page_and_escape_comes_back(queue):
    queue.keyboard.press("e")
    queue.get_by_role("group", name="Genres of Ember").wait_for()
    assert queue.get_by_role("checkbox", name="Drama").is_checked()
    # The form is there before the deferred script that listens for keys.
    queue.wait_for_load_state("load")
    queue.keyboard.press("Escape")
    queue.wait_for_url("**" + QUEUE)


def test_x_ticks_films_for_bulk(queue, films):
    accept = queue.locator("#bulk button[value=accept]")
    assert accept.is_disabled()
    queue.keyboard.press("t")
    queue.keyboard.press("j")
    queue.keyboard.press("t")
    assert queue.locator("#ticked-count").inner_text() == "2 ticked"
    accept.click()
    queue.get_by_text("Accepted 3 suggestions of 2 movies.").wait_for()
    assert (genres(films[1]), genres(films[2])) == ({"Crime"}, set())


def test_u_undoes_again_and_again(queue, films):
    for number, key in enumerate("ax", start=1):
        queue.keyboard.press(key)
        expect_decided(queue, number)
    for title in ("Salt", "Ember"):
        queue.keyboard.press("u")
        queue.locator(".messagelist li", has_text=title).wait_for()
        # The listener is deferred until the page is parsed.
        queue.wait_for_load_state("load")
    assert not genres(films[0])
    assert Suggestion.objects.filter(state=Suggestion.State.PENDING).count() == 4


def test_the_next_card_takes_the_place_of_the_one_before(queue):
    before = queue.locator("article.current").bounding_box()
    queue.keyboard.press("a")
    expect_decided(queue, 1)
    after = queue.locator("article.current").bounding_box()
    assert current(queue).startswith("Salt")
    assert abs(before["y"] - after["y"]) < 2


def test_letters_typed_into_the_search_decide_nothing(queue):
    queue.keyboard.press("/")
    queue.keyboard.type("axejt1")
    assert queue.locator("#id_q").input_value() == "axejt1"
    assert not Suggestion.objects.exclude(state=Suggestion.State.PENDING).exists()


def test_the_shortcuts_are_listed(queue):
    shortcut = queue.locator("dd", has_text="reject all")
    queue.keyboard.press("?")
    assert shortcut.is_visible()
    queue.keyboard.press("Escape")
    assert not shortcut.is_visible()
