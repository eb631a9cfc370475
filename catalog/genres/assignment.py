"""Assign movies to reviewers, so that no two reviewers have the same movie open.

An assigned movie is reserved for one reviewer for a while. A reservation decides only who is shown a movie:
one that has expired, because a browser was closed or is late, loses no decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from catalog.models import Movie, ReviewReservation

RESERVED_FOR = timedelta(minutes=10)
# Movies that other reviewers lock at this moment are passed over, so more are read than are wanted.
SPARE = 20
# Tried again if all of these were taken since they were read.
ATTEMPTS = 3


def assign(
    reviewer: AbstractBaseUser,
    candidates: QuerySet[Any, Any],
    count: int,
    among: Sequence[int] | None = None,
) -> list[int]:
    """Reserve the first `count` candidates that no other reviewer has open. Returns their ids, in order.

    candidates: ordered rows with a `movie_id`, such as `review.review_queue()`. among: only those of these
    movies, and in this order. Movies that the reviewer has open already are among those returned, so exclude
    what the page shows. Reservations last `RESERVED_FOR` from now.
    """
    now = timezone.now()
    others = ReviewReservation.objects.filter(expires_at__gt=now).exclude(reviewer_id=reviewer.pk)
    free = candidates.exclude(movie__in=others.order_by().values("movie"))
    reserved: list[int] = []
    for _ in range(ATTEMPTS):
        first = _first(free, count + SPARE, among)
        mine = ReviewReservation.objects.filter(reviewer_id=reviewer.pk, movie__in=first[:count])
        if mine.filter(expires_at__gt=now + RESERVED_FOR / 2).count() == len(first[:count]):
            return first[:count]
        reserved = _reserve(reviewer, free, first, count)
        if len(reserved) == count or len(first) < count + SPARE:
            break
    return reserved


def release(reviewer: AbstractBaseUser, movie_ids: Iterable[int] | None = None) -> None:
    """Give back these movies, or all that the reviewer has open. Call it when a movie was decided."""
    mine = ReviewReservation.objects.filter(reviewer_id=reviewer.pk)
    (mine if movie_ids is None else mine.filter(movie__in=list(movie_ids))).delete()


def reserved_by_others(reviewer: AbstractBaseUser) -> list[tuple[str, int]]:
    """The names of other reviewers who have movies open, and how many: `[("ana", 12)]`, by name."""
    open_now = ReviewReservation.objects.filter(expires_at__gt=timezone.now())
    others = open_now.exclude(reviewer_id=reviewer.pk).order_by("reviewer__username")
    return list(others.values_list("reviewer__username").annotate(Count("pk")))


def _reserve(reviewer: AbstractBaseUser, free: QuerySet[Any, Any], first: list[int], count: int) -> list[int]:
    """Reserve `count` of the movies `first` that are still free, in this order. Returns those reserved."""
    now = timezone.now()
    with transaction.atomic():
        # The constraint on the movie decides between two reviewers. The lock lets the second one pass on
        # instead of waiting, and lets it see what the first one decided about the movie.
        still_free = set(_ids(free.filter(movie__in=_locked(first)).order_by()))
        chosen = [pk for pk in first if pk in still_free][:count]
        ReviewReservation.objects.filter(movie__in=chosen, expires_at__lte=now).delete()
        expires_at = now + RESERVED_FOR
        ReviewReservation.objects.bulk_create(
            [ReviewReservation(movie_id=pk, reviewer_id=reviewer.pk, expires_at=expires_at) for pk in chosen],
            ignore_conflicts=True,
        )
        mine = ReviewReservation.objects.filter(reviewer_id=reviewer.pk, movie__in=chosen)
        mine.update(expires_at=expires_at)
        reserved = set(mine.values_list("movie_id", flat=True))
    return [pk for pk in chosen if pk in reserved]


def _first(free: QuerySet[Any, Any], number: int, among: Sequence[int] | None) -> list[int]:
    if among is None:
        return _ids(free[:number])
    left = set(_ids(free.filter(movie__in=among)))
    return [pk for pk in among if pk in left][:number]


def _ids(rows: QuerySet[Any, Any]) -> list[int]:
    return list(rows.values_list("movie_id", flat=True))


def _locked(movie_ids: list[int]) -> list[int]:
    """Those of the movies that nobody else has locked, locked until the transaction ends.

    On SQLite the transaction has the only write lock, so all of them are.
    """
    movies = Movie.objects.filter(pk__in=movie_ids)
    skips = connection.features.has_select_for_update_skip_locked
    # Deadlocks are impossible where locked rows are skipped, so they need no order.
    return list(movies.select_for_update(skip_locked=skips, no_key=skips).values_list("pk", flat=True))
