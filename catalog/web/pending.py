"""Counts of the review queue, which are computed again when a reviewer changes something.

Counting reads all pending suggestions. So the counts are cached until any process adds or removes a decision
or a flag. What a run changes is shown a few seconds late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import connection
from django.db.models import Count, Q

from catalog.genres.review import Selection
from catalog.models import ReviewDecision, ReviewFlag
from catalog.web.brief_cache import briefly

Value = TypeVar("Value")
_DECISIONS, _FLAGS = ReviewDecision._meta.db_table, ReviewFlag._meta.db_table
# In SQL, because every page of a reviewer needs it, and Django would make three queries.
_CHANGES = (
    f"SELECT (SELECT MAX(id) FROM {_DECISIONS}), "  # noqa: S608  names of tables
    f"(SELECT COUNT(*) FROM {_FLAGS} WHERE resolved_at IS NULL), "
    f"(SELECT MAX(id) FROM {_FLAGS} WHERE resolved_at IS NULL)"
)


def pending_counts() -> dict[str, int]:
    """How many movies and suggestions wait for a review; flagged movies do not."""
    return _until_reviewed(
        "pending-counts",
        lambda: (
            Selection()
            .of_any_movie()
            .order_by()
            .aggregate(
                pending_movies=Count("movie", distinct=True),
                pending_suggestions=Count("pk"),
                pending_sure=Count("pk", filter=Q(sure=True)),
            )
        ),
    )


def pending_by_genre() -> dict[int, int]:
    """How many suggestions of each genre (id) wait for a review, without genres that have none."""

    def count() -> dict[int, int]:
        rows = Selection().of_any_movie().order_by().values_list("genre")
        return dict(rows.annotate(Count("pk")))

    return _until_reviewed("pending-by-genre", count)


def _until_reviewed(name: str, compute: Callable[[], Value]) -> Value:
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES)
        changes = cursor.fetchone()
    return briefly(f"{name}:{':'.join(map(str, changes))}", compute)
