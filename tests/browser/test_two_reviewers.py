"""Two reviewers in two browsers at the same time: each movie is shown to one of them, and decided once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from catalog.models import ReviewDecision, Suggestion
from tests.browser.test_review_focus import FOCUS, settle
from tests.catalog.admin.cards import pending
from tests.factories import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MOVIES = 14


def test_each_movie_is_decided_once(chromium: Any, live_server: Any, sign_in: Any) -> None:
    for number in range(MOVIES):
        pending(f"Film {number:02d}", Drama=0.9)
    contexts = [chromium.new_context() for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    for page, name in zip(pages, ("ana", "ben"), strict=True):
        sign_in(page, UserFactory(reviewer=True, username=name))
        page.goto(live_server.url + FOCUS)
        settle(page)
    shown = []
    # A key to each browser in turn, until neither shows a movie.
    while cards := [page for page in pages if page.locator(".focus-card h2").count()]:
        for page in cards:
            shown.append(page.locator(".focus-card h2").inner_text())
            page.keyboard.press("a")
            settle(page)
    for context in contexts:
        context.close()
    assert len(shown) == len(set(shown)) == MOVIES
    decided = ReviewDecision.objects.values_list("movie", "reviewer__username")
    assert len({movie for movie, _ in decided}) == len(decided) == MOVIES
    assert min(Counter(name for _, name in decided).values()) > 3
    assert not Suggestion.objects.filter(state=Suggestion.State.PENDING).exists()
