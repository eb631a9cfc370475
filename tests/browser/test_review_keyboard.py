"""The review queue in a browser, by keyboard: move, keep, accept, reject, edit, without a reload."""

import pytest

from catalog.genres import review
from catalog.models import Suggestion
from tests.catalog.admin.cards import genres, pending, suggestion
from tests.factories import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
QUEUE = "/admin/catalog/reviewqueue/"


@pytest.fixture
def films():
    """Three films, most confident first in this order."""
    return [
        pending("Ember", Drama=0.95, Horror=0.7),
        pending("Salt", Crime=0.9),
        pending("Paper Tigers", War=0.85),
    ]


@pytest.fixture
def desk(page, live_server, sign_in, films):
    """The queue, open in the browser of a reviewer."""
    sign_in(page, UserFactory(reviewer=True))
    page.goto(live_server.url + QUEUE)
    return page


def current(page):
    return page.locator("article.current h2").inner_text().split("\n")[0].strip()


def expect_decided(page, number):
    page.locator("article.decided").nth(number - 1).wait_for()
    assert page.locator("article.decided").count() == number


def test_j_and_k_move_between_films(desk):
    assert current(desk).startswith("Ember")
    for key, title in (("j", "Salt"), ("j", "Paper Tigers"), ("j", "Paper Tigers"), ("k", "Salt")):
        desk.keyboard.press(key)
        assert current(desk).startswith(title)


def test_a_accepts_all_collapses_the_card_and_goes_on(desk, films):
    desk.keyboard.press("a")
    expect_decided(desk, 1)
    assert "Accepted Drama, Horror." in desk.locator("article.decided").inner_text()
    assert current(desk).startswith("Salt")
    counted = " ".join(desk.locator("#queue-waiting").inner_text().split())
    assert counted == "2 movies with 2 suggestions waiting"
    assert genres(films[0]) == {"Drama", "Horror"}


def test_r_rejects_all(desk, films):
    desk.keyboard.press("j")
    desk.keyboard.press("r")
    expect_decided(desk, 1)
    assert suggestion(films[1], "Crime").state == Suggestion.State.REJECTED
    assert current(desk).startswith("Paper Tigers")


def test_a_number_drops_a_genre_and_the_button_says_so(desk, films):
    desk.keyboard.press("2")
    assert desk.locator("article.current .card-verb").inner_text() == "Accept 1, reject 1"
    desk.keyboard.press("2")
    assert desk.locator("article.current .card-verb").inner_text() == "Accept all"
    desk.keyboard.press("2")
    desk.keyboard.press("a")
    expect_decided(desk, 1)
    assert genres(films[0]) == {"Drama"}
    assert suggestion(films[0], "Horror").state == Suggestion.State.REJECTED


def test_a_single_button_decides_one_genre_and_keeps_the_card(desk, films):
    desk.get_by_role("button", name="Reject Horror for Ember").click()
    desk.locator("article.current .outcome").wait_for()
    assert current(desk).startswith("Ember")
    assert desk.locator("article.current .genre").count() == 1
    desk.keyboard.press("a")
    expect_decided(desk, 1)
    assert genres(films[0]) == {"Drama"}


def test_the_page_can_be_worked_through_without_a_mouse(desk, films):
    for number in range(1, 4):
        desk.keyboard.press("a")
        expect_decided(desk, number)
    desk.locator("#queue-more").wait_for()
    desk.keyboard.press("n")
    desk.get_by_text("No suggestions to review.").wait_for()
    assert not Suggestion.objects.filter(state=Suggestion.State.PENDING).exists()


def test_e_opens_the_edit_page_and_escape_comes_back(desk):
    desk.keyboard.press("e")
    desk.get_by_role("group", name="Genres of Ember").wait_for()
    assert desk.get_by_role("checkbox", name="Drama").is_checked()
    # The form is there before the deferred script that listens for keys.
    desk.wait_for_load_state("load")
    desk.keyboard.press("Escape")
    desk.wait_for_url("**" + QUEUE)


def test_x_ticks_films_for_bulk(desk, films):
    accept = desk.locator("#bulk button[value=accept]")
    assert accept.is_disabled()
    desk.keyboard.press("x")
    desk.keyboard.press("j")
    desk.keyboard.press("x")
    assert desk.locator("#ticked-count").inner_text() == "2 ticked"
    accept.click()
    desk.get_by_text("Accepted 3 suggestions of 2 movies.").wait_for()
    assert (genres(films[1]), genres(films[2])) == ({"Crime"}, set())


def test_letters_typed_into_the_search_decide_nothing(desk):
    desk.keyboard.press("/")
    desk.keyboard.type("arej1x")
    assert desk.locator("#id_q").input_value() == "arej1x"
    assert not Suggestion.objects.exclude(state=Suggestion.State.PENDING).exists()


def test_the_shortcuts_are_listed(desk):
    desk.keyboard.press("?")
    assert desk.get_by_text("accept ticked genres, reject the others").is_visible()
    desk.keyboard.press("Escape")
    assert not desk.get_by_text("accept ticked genres, reject the others").is_visible()


def test_somebody_who_was_faster_is_named_in_the_card(desk, films):
    ann = UserFactory(reviewer=True, username="ann")
    review.reject(films[0].suggestions.all(), ann)
    desk.keyboard.press("a")
    expect_decided(desk, 1)
    assert "Drama was already rejected by ann." in desk.locator("article.decided").inner_text()
    assert genres(films[0]) == set()
