"""Counts of the review queue are cached, and exact again after each change by a reviewer."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from catalog.admin import review_filter
from catalog.genres import decision_batches, review
from catalog.models import ReviewFlag
from catalog.web import brief_cache
from catalog.web.pending import pending_by_genre, pending_counts
from tests.catalog.admin.cards import pending
from tests.catalog.pages import one, soup, text_of
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def cached(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # Time stands still, so that nothing expires while a busy machine renders pages.
    monkeypatch.setattr(brief_cache, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


def waiting() -> tuple[int, int]:
    return pending_counts()["pending_suggestions"], sum(pending_by_genre().values())


def test_counts_are_exact_after_each_change_by_a_reviewer() -> None:
    reviewer = UserFactory()
    ember, salt = pending("Ember", Drama=0.9, Horror=0.8), pending("Salt", Drama=0.7)
    assert waiting() == (3, 3)
    review.accept(ember.suggestions.filter(genre__name="Drama"), reviewer)
    assert waiting() == (2, 2)
    flag = ReviewFlag.objects.create(movie=salt, reviewer=reviewer)
    assert waiting() == (1, 1)
    flag.delete()
    assert waiting() == (2, 2)
    decision_batches.undo_last(reviewer)
    assert waiting() == (3, 3)


def test_without_a_change_nothing_is_counted_again() -> None:
    pending("Ember", Drama=0.9)
    waiting()
    with CaptureQueriesContext(connection) as queries:
        waiting()
    assert not any("catalog_suggestion" in query["sql"] for query in queries)


def test_a_remembered_order_offers_no_movie_that_was_decided(
    reviewer_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sorted_queues = counted(monkeypatch)
    movies = [pending(name, Drama=score) for name, score in (("First", 0.9), ("Second", 0.8), ("Third", 0.7))]
    for movie in movies:
        page = soup(reviewer_client.get("/admin/catalog/reviewqueue/"))
        assert text_of(one(page, ".focus-card h2")).startswith(movie.title)
        review.reject(movie.suggestions.all(), UserFactory())
    assert sorted_queues() == 1
    late = pending("Late", Drama=0.95)
    page = soup(reviewer_client.get("/admin/catalog/reviewqueue/"))
    assert text_of(one(page, ".focus-card h2")).startswith(late.title)


def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    calls = []
    narrow = review_filter.QueueFilter.first_movies

    def first_movies(chosen: review_filter.QueueFilter) -> list[int]:
        with CaptureQueriesContext(connection) as queries:
            found = narrow(chosen)
        calls.extend(queries.captured_queries)
        return found

    monkeypatch.setattr(review_filter.QueueFilter, "first_movies", first_movies)
    return lambda: len(calls)
