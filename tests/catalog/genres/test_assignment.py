"""Movies are assigned to one reviewer at a time, and come back when a reviewer does not return."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.genres import review
from catalog.genres.assignment import RESERVED_FOR, assign, release, reserved_by_others
from catalog.models import ReviewReservation
from tests.factories import SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> Any:
    return UserFactory(username="ana")


@pytest.fixture
def ben() -> Any:
    return UserFactory(username="ben")


@pytest.fixture
def movies() -> list[int]:
    """Six movies in the order of the queue."""
    return [SuggestionFactory(score=0.9 - step / 100).movie_id for step in range(6)]


def test_reviewers_get_different_movies_in_the_order_of_the_queue(
    ana: Any, ben: Any, movies: list[int]
) -> None:
    assert assign(ana, review.review_queue(), 2) == movies[:2]
    assert assign(ben, review.review_queue(), 3) == movies[2:5]
    assert assign(ana, review.review_queue(), 9) == [*movies[:2], movies[5]]
    assert assign(ben, review.review_queue(), 9) == movies[2:5]


def test_a_filter_and_an_order_are_kept(ana: Any, ben: Any, movies: list[int]) -> None:
    queue = review.review_queue().order_by("best_score", "movie_id").exclude(movie__in=movies[3:])
    assert assign(ana, queue, 2) == [movies[2], movies[1]]
    assert assign(ben, queue, 2) == [movies[0]]


def test_movies_that_the_reviewer_has_open_come_again(ana: Any, movies: list[int]) -> None:
    assert assign(ana, review.review_queue(), 2) == assign(ana, review.review_queue(), 2) == movies[:2]


def test_asking_again_soon_writes_nothing(ana: Any, movies: list[int]) -> None:
    assign(ana, review.review_queue(), 3)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assign(ana, review.review_queue(), 3)
    assert len(queries) == 2


def test_a_reservation_expires(ana: Any, ben: Any, movies: list[int]) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assign(ana, review.review_queue(), 4)
        clock.shift(RESERVED_FOR)
        assert assign(ben, review.review_queue(), 4) == movies[:4]
        assert assign(ana, review.review_queue(), 4) == movies[4:]


def test_working_on_renews_a_reservation(ana: Any, ben: Any, movies: list[int]) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assign(ana, review.review_queue(), 4)
        clock.shift(RESERVED_FOR * 0.6)
        assign(ana, review.review_queue(), 4)
        clock.shift(RESERVED_FOR * 0.6)
        assert assign(ben, review.review_queue(), 4) == movies[4:]


def test_a_released_movie_is_free(ana: Any, ben: Any, movies: list[int]) -> None:
    assign(ana, review.review_queue(), 3)
    release(ben, movies)
    release(ana, movies[:1])
    assert assign(ben, review.review_queue(), 2) == [movies[0], movies[3]]
    release(ana)
    assert assign(ben, review.review_queue(), 6) == movies


def test_a_late_decision_is_stored_and_the_next_one_says_so(ana: Any, ben: Any, movies: list[int]) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assign(ana, review.review_queue(), 1)
        [hers] = review.cards(movies[:1])[0].pending_suggestions  # type: ignore[attr-defined]
        clock.shift(RESERVED_FOR)
        assign(ben, review.review_queue(), 1)
        assert review.accept([hers], ana) == 1
        assert review.reject([hers], ben) == 0
        assert hers.decisions.get().reviewer == ana


def test_others_are_named_with_the_number_of_movies_they_have_open(
    ana: Any, ben: Any, movies: list[int]
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assign(ana, review.review_queue(), 4)
        assign(ben, review.review_queue(), 1)
        cai = UserFactory(username="cai")
        assert reserved_by_others(cai) == [("ana", 4), ("ben", 1)]
        assert reserved_by_others(ana) == [("ben", 1)]
        clock.shift(RESERVED_FOR)
        assert reserved_by_others(cai) == []


def test_the_database_refuses_a_second_reservation_of_a_movie(ana: Any, ben: Any, movies: list[int]) -> None:
    assign(ana, review.review_queue(), 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        ReviewReservation.objects.create(movie_id=movies[0], reviewer=ben, expires_at=timezone.now())
