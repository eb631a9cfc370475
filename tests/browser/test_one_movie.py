"""The audit and second opinions by keyboard: one movie at a time."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from catalog.genres import second_opinions
from catalog.models import Movie, SecondOpinion
from tests.catalog.admin.test_review_audit import contradicted
from tests.catalog.admin.test_second_opinions import decided
from tests.factories import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def genres_of(title: str) -> set[str]:
    return set(Movie.objects.get(title=title).movie_genres.values_list("genre__name", flat=True))


def test_contradictions_are_decided_and_undone(live_server: Any, reviewer_page: Page) -> None:
    for place, title in enumerate(("First", "Second", "Third")):
        contradicted(title, 5.0 - place)
    page = reviewer_page
    page.goto(f"{live_server.url}/admin/catalog/reviewqueue/audit/")
    heading = page.locator("#one-movie h2")
    for key, following in (("a", "Second"), ("s", "Third"), ("x", "Second"), ("u", "Third"), ("+", "Second")):
        page.keyboard.press(key)
        expect(heading).to_contain_text(following)
    assert genres_of("First") == {"Horror"}
    assert genres_of("Second") == {"Drama"}
    assert genres_of("Third") == {"Drama", "Horror"}


def test_a_second_opinion_is_given(live_server: Any, reviewer_page: Page, settings: Any) -> None:
    settings.SECOND_OPINIONS = 1.0
    ana = UserFactory(username="ana")
    decided(ana, "First")
    decided(ana, "Second")
    page = reviewer_page
    page.goto(f"{live_server.url}/admin/catalog/reviewqueue/second/")
    # Drama is ticked in advance; 2 ticks Crime.
    page.keyboard.press("1")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator("#one-movie h2")).to_contain_text("Second")
    assert set(SecondOpinion.objects.get().genres.values_list("genre__name", "second")) == {("Crime", True)}
    assert list(second_opinions.disagreements()) == []
