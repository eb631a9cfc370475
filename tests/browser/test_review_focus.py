"""Focus mode in a browser, by keyboard: the next movie at once, decisions in the background, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session

from catalog.genres import review
from catalog.models import Movie, ReviewDecision, ReviewFlag, Suggestion
from tests.catalog.admin.cards import genres, pending, suggestion
from tests.catalog.genres.genre_heads import saved_model, vector_for
from tests.factories import EmbeddingFactory, GenreFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FOCUS = "/admin/catalog/reviewqueue/"
PENDING = Suggestion.State.PENDING


@pytest.fixture
def films() -> list[Movie]:
    """Four movies, most confident first in this order."""
    return [
        pending("Ember", Drama=0.95, Horror=0.7),
        pending("Salt", Crime=0.9),
        pending("Paper", War=0.85),
        pending("Tigers", Comedy=0.8),
    ]


@pytest.fixture
def focus(reviewer_page: Any, live_server: Any, films: list[Movie]) -> Any:
    reviewer_page.goto(live_server.url + FOCUS)
    expect(reviewer_page, "Ember")
    settle(reviewer_page)
    return reviewer_page


@pytest.fixture
def quiet_focus(chromium: Any, live_server: Any, sign_in: Any, films: list[Movie]) -> Iterator[Any]:
    """The same where the browser may log failed requests as errors."""
    context = chromium.new_context()
    page = context.new_page()
    sign_in(page, UserFactory(reviewer=True))
    page.goto(live_server.url + FOCUS)
    expect(page, "Ember")
    settle(page)
    yield page
    settle(page)
    context.close()


def expect(page: Any, title: str) -> None:
    page.locator(".focus-card h2", has_text=title).wait_for()


def settle(page: Any) -> None:
    """Wait until decisions are saved and the next cards are there: test and site share a connection."""
    page.locator("#focus[data-idle]").wait_for()


def expect_saved(page: Any, text: str) -> None:
    page.locator("#focus-status", has_text=text).wait_for()
    settle(page)


def test_a_accepts_what_is_ticked_and_rejects_the_rest(focus: Any, films: list[Movie]) -> None:
    focus.keyboard.press("2")
    assert focus.locator("[data-verb]").inner_text() == "Accept 1, reject 1"
    focus.keyboard.press("a")
    expect(focus, "Salt")
    expect_saved(focus, "Ember")
    assert genres(films[0]) == {"Drama"}
    assert suggestion(films[0], "Horror").state == Suggestion.State.REJECTED
    counted = " ".join(focus.locator("#queue-waiting").inner_text().split())
    assert counted.startswith("3 movies with 3 suggestions ")
    assert "3" in focus.locator("#pending-count").inner_text()


def test_the_whole_queue_by_keyboard(focus: Any, films: list[Movie]) -> None:
    for key, title in (("Enter", "Salt"), ("x", "Paper"), ("s", "Tigers"), ("a", "Paper")):
        focus.keyboard.press(key)
        expect(focus, title)
    focus.keyboard.press("a")
    focus.locator("#focus-empty").wait_for()
    settle(focus)
    assert [genres(film) for film in films] == [{"Drama", "Horror"}, set(), {"War"}, {"Comedy"}]


def test_the_next_cards_are_there_before_they_are_needed(quiet_focus: Any, films: list[Movie]) -> None:
    focus = quiet_focus
    focus.context.set_offline(True)
    for title in ("Salt", "Paper", "Tigers"):
        focus.keyboard.press("a")
        assert focus.locator(".focus-card h2").inner_text().startswith(title)
    focus.locator("#focus-problem", has_text="3 movies are not saved yet").wait_for()
    focus.context.set_offline(False)
    expect_saved(focus, "Paper")
    assert not focus.locator("#focus-problem").is_visible()
    assert [genres(film) for film in films[:3]] == [{"Drama", "Horror"}, {"Crime"}, {"War"}]


def test_u_undoes_again_and_again_across_page_loads(focus: Any, films: list[Movie]) -> None:
    for key, title in (("a", "Salt"), ("x", "Paper"), ("s", "Tigers")):
        focus.keyboard.press(key)
        expect(focus, title)
    expect_saved(focus, "Paper")
    focus.keyboard.press("u")
    expect(focus, "Paper")
    focus.reload()
    for title in ("Salt", "Ember"):
        focus.keyboard.press("u")
        expect(focus, title)
    settle(focus)
    assert Suggestion.objects.filter(state=PENDING).count() == 5
    assert not genres(films[0])
    # The movies that were open meanwhile come next.
    focus.keyboard.press("a")
    expect(focus, "Salt")
    settle(focus)


def test_plus_finds_any_genre_by_its_first_letters(focus: Any, films: list[Movie]) -> None:
    for name in ("Western", "Music", "Musical"):
        GenreFactory(name=name)
    focus.reload()
    settle(focus)
    focus.keyboard.press("+")
    focus.keyboard.type("wes")
    focus.keyboard.press("Enter")
    assert focus.get_by_role("checkbox", name="Western").is_checked()
    # A genre that is shown already is toggled where it is.
    focus.keyboard.press("+")
    focus.keyboard.type("horr")
    focus.keyboard.press("Enter")
    assert focus.locator("[data-verb]").inner_text() == "Accept 1, add 1, reject 1"
    focus.keyboard.press("a")
    expect_saved(focus, "Ember")
    assert genres(films[0]) == {"Drama", "Western"}


def test_the_next_genres_have_keys_and_scores(reviewer_page: Any, live_server: Any) -> None:
    model = saved_model(genres=("Comedy", "Drama", "Horror"), calibration={"ece_after": {"value": 0.01}})
    movie = pending("Ember", Drama=0.9)
    EmbeddingFactory(poster=movie.primary_poster, extractor=model.extractor, values=vector_for(0.2, 0.9, 0.4))
    reviewer_page.goto(live_server.url + FOCUS)
    chips = reviewer_page.locator(".focus-chips li")
    assert [" ".join(text.split()) for text in chips.all_inner_texts()] == ["q Horror 40%", "w Comedy 20%"]
    reviewer_page.keyboard.press("w")
    reviewer_page.keyboard.press("a")
    expect_saved(reviewer_page, "added Comedy")
    assert genres(movie) == {"Drama", "Comedy"}


def test_f_flags_with_a_note(focus: Any, films: list[Movie]) -> None:
    focus.keyboard.press("f")
    focus.keyboard.type("Which version?")
    focus.keyboard.press("Enter")
    expect(focus, "Salt")
    expect_saved(focus, "Ember")
    assert focus.get_by_role("link", name="Flagged (1)").is_visible()
    assert [(flag.movie, flag.note) for flag in ReviewFlag.objects.all()] == [(films[0], "Which version?")]
    assert not ReviewDecision.objects.exists()


def test_what_somebody_else_decided_is_reported(quiet_focus: Any, films: list[Movie]) -> None:
    focus = quiet_focus
    review.reject(films[0].suggestions.all(), UserFactory(username="ana"))
    focus.keyboard.press("a")
    expect(focus, "Salt")
    focus.locator("#focus-conflicts li", has_text="ana has rejected Drama").wait_for()
    settle(focus)
    focus.keyboard.press("a")
    expect_saved(focus, "Salt")
    assert not genres(films[0])
    focus.get_by_role("button", name="Dismiss").click()
    assert focus.locator("#focus-conflicts li").count() == 0


def test_after_signing_in_again_nothing_is_lost(
    focus: Any, live_server: Any, films: list[Movie], sign_in: Any
) -> None:
    Session.objects.all().delete()
    focus.keyboard.press("a")
    focus.locator("#focus-problem", has_text="signed out").wait_for()
    other = focus.context.new_page()
    sign_in(other, UserFactory(reviewer=True))
    focus.get_by_role("button", name="Try again").click()
    expect_saved(focus, "Ember")
    assert genres(films[0]) == {"Drama", "Horror"}


def test_letters_typed_into_a_field_decide_nothing(focus: Any) -> None:
    focus.keyboard.press("+")
    focus.keyboard.type("axsu1")
    focus.keyboard.press("Escape")
    focus.keyboard.press("f")
    focus.keyboard.type("axsu1")
    focus.keyboard.press("Escape")
    expect(focus, "Ember")
    assert not ReviewDecision.objects.exists()


def test_o_opens_imdb_and_g_the_grid(focus: Any, live_server: Any) -> None:
    focus.context.route("https://www.imdb.com/**", lambda route: route.fulfill(body="IMDb"))
    with focus.context.expect_page() as opened:
        focus.keyboard.press("o")
    assert opened.value.url.startswith("https://www.imdb.com/title/tt")
    opened.value.close()
    settle(focus)
    focus.keyboard.press("g")
    focus.wait_for_url("**/reviewqueue/grid/")


def test_the_shortcuts_are_listed(focus: Any) -> None:
    shortcut = focus.locator("dd", has_text="reject all suggestions")
    focus.keyboard.press("?")
    assert shortcut.is_visible()
    focus.keyboard.press("?")
    assert not shortcut.is_visible()


def test_a_phone_shows_the_card_with_buttons_for_the_thumb(focus: Any, films: list[Movie]) -> None:
    focus.set_viewport_size({"width": 390, "height": 844})
    focus.reload()
    settle(focus)
    title, last = (focus.locator(place).last.bounding_box() for place in (".focus-card h2", ".genres .genre"))
    button = focus.get_by_role("button", name="Accept 2").bounding_box()
    assert title["y"] > 0 and last["y"] + last["height"] < button["y"]
    assert button["y"] + button["height"] <= 844 and button["height"] >= 44
    focus.get_by_role("button", name="Accept 2").click()
    expect(focus, "Salt")
    expect_saved(focus, "Ember")


def test_everything_works_without_script(
    chromium: Any, live_server: Any, sign_in: Any, films: list[Movie]
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, UserFactory(reviewer=True))
    page.goto(live_server.url + FOCUS)
    expect(page, "Ember")
    assert not page.locator(".focus-search").is_visible()
    page.get_by_role("checkbox", name="Horror").uncheck()
    page.get_by_text("Another genre").click()
    page.get_by_role("checkbox", name="War").check()
    page.locator(".focus-buttons button[value=accept]").click()
    expect(page, "Salt")
    assert genres(films[0]) == {"Drama", "War"}
    page.locator(".focus-buttons button[value=skip]").click()
    expect(page, "Paper")
    for title in ("Salt", "Ember"):
        page.get_by_role("button", name="Undo").click()
        expect(page, title)
    context.close()
    assert not genres(films[0])
    assert Suggestion.objects.filter(state=PENDING).count() == 5
