"""Orders of the review queue that compare suggestions: most informative first, and models disagree."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, FloatField, Max, Min, Q, QuerySet, Value, Window
from django.db.models.functions import Abs, Greatest, RowNumber

from catalog.models import GenreModel, Suggestion
from ml.genres.evidence.model import DEFAULT_TICK

PENDING, SUPERSEDED = Suggestion.State.PENDING, Suggestion.State.SUPERSEDED
# How many movies the most informative order has: enough for hours, and four times faster than all of 10,000.
POOL = 1000


def most_informative(suggestions: QuerySet[Suggestion]) -> QuerySet[Any, Any]:
    """The movies from which models learn most, at most `POOL`, as rows of `movie_id`.

    suggestions: pending ones. A movie counts with the suggestion that is closest to the score at which it is
    ticked. Genres take turns: first the closest of each genre, then the second closest of each. To a model,
    similar posters are of the same genre, so similar posters do not follow each other.
    """
    point = Greatest(F("threshold"), Value(DEFAULT_TICK), output_field=FloatField())
    measured = (
        suggestions.filter(movie__merged_into=None).annotate(distance=Abs(F("score") - point)).order_by()
    )
    pool = measured.values("movie_id").annotate(least=Min("distance")).order_by("least", "movie_id")
    rows = measured.filter(movie__in=pool.values("movie_id")[:POOL]).annotate(
        in_movie=Window(RowNumber(), partition_by="movie", order_by=["distance", "pk"]),
        turn=Window(RowNumber(), partition_by="genre", order_by=["distance", "pk"]),
    )
    return rows.filter(in_movie=1).order_by("turn", "distance", "movie_id").values("movie_id")


def disagreeing(suggestions: QuerySet[Suggestion]) -> QuerySet[Any, Any]:
    """Movies for which the model before the active one suggested other genres, as rows of `movie_id`.

    suggestions: pending ones. Movies with the most genres that only one of the two models suggests come
    first; among equals, those with the highest score. Without an earlier model there are none.
    """
    earlier = Q(state=SUPERSEDED, model=earlier_model())
    rows = Suggestion.objects.filter(
        Q(state=PENDING) | earlier, movie__in=suggestions.order_by().values("movie"), movie__merged_into=None
    )
    counted = (
        rows.order_by()
        .values("movie_id")
        .annotate(
            before=Count("pk", filter=earlier),
            best_score=Max("score"),
            # A genre that both suggest has two rows.
            differences=2 * Count("genre", distinct=True) - Count("pk"),
        )
    )
    differing = counted.filter(before__gt=0, differences__gt=0)
    return differing.order_by("-differences", "-best_score", "movie_id")


def earlier_model() -> int | None:
    """The newest model but the active one whose suggestions were superseded."""
    others = Suggestion.objects.filter(state=SUPERSEDED).exclude(model__state=GenreModel.State.ACTIVE)
    newest: int | None = others.aggregate(newest=Max("model"))["newest"]
    return newest
