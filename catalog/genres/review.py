"""The review desk: the only place where a suggestion becomes a genre, and every decision is written down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max, Prefetch, QuerySet
from django.utils import timezone

from catalog.models import (
    DecisionBatch,
    Genre,
    GenreModel,
    Movie,
    MovieGenre,
    Poster,
    ReviewDecision,
    Suggestion,
)

PENDING = Suggestion.State.PENDING


def review_queue() -> QuerySet[Any, Any]:
    """Movies with pending suggestions, the most confident first, as rows of `movie_id` and `best_score`.

    Only their ids: grouping and sorting whole movies takes three times as long. See `cards`.
    """
    waiting = Suggestion.objects.filter(state=PENDING, movie__merged_into=None).values("movie_id")
    return waiting.annotate(best_score=Max("score")).order_by("-best_score", "movie_id")


def cards(movie_ids: Sequence[int]) -> list[Movie]:
    """The movies in the order of their ids, with those of their suggestions that are pending.

    Prefetched: `posters`, and `pending_suggestions` (a list, best score first); of both only what cards show.
    """
    pending = (
        Suggestion.objects.filter(state=PENDING)
        .only("movie", "genre", "model", "score", "threshold", "sure")
        .prefetch_related("genre", calibration())
        .order_by("-score", "pk")
    )
    posters = Poster.objects.only("movie", "sha256", "file", "medium", "width", "height", "is_primary")
    movies = Movie.objects.prefetch_related(
        Prefetch("posters", posters), Prefetch("suggestions", pending, to_attr="pending_suggestions")
    ).in_bulk(movie_ids)
    return [movies[pk] for pk in movie_ids if pk in movies]


def calibration(lookup: str = "model") -> Prefetch[str]:
    """Prefetches of the models only what says how their scores are shown: their metrics are large."""
    return Prefetch(lookup, GenreModel.objects.only("calibration"))


def accept(
    suggestions: Iterable[Suggestion], reviewer: AbstractBaseUser, batch: DecisionBatch | None = None
) -> int:
    """Turn pending suggestions into genres. Returns how many; those decided meanwhile are left alone."""
    return _decide(suggestions, reviewer, ReviewDecision.Verdict.ACCEPTED, batch)


def reject(suggestions: Iterable[Suggestion], reviewer: AbstractBaseUser) -> int:
    """Turn pending suggestions down. Returns how many; those decided meanwhile are left alone."""
    return _decide(suggestions, reviewer, ReviewDecision.Verdict.REJECTED)


def set_genres(movie: Movie, genres: Iterable[Genre], reviewer: AbstractBaseUser) -> None:
    """Make `genres` the movie's genres, as a person's word that no import changes.

    Pending suggestions among them are accepted, the others rejected; genres added beyond the suggestions and
    genres taken away are written down as such.
    """
    wanted = {genre.pk: genre for genre in genres}
    with transaction.atomic():
        Movie.objects.select_for_update().get(pk=movie.pk)
        pending = list(Suggestion.objects.filter(movie=movie, state=PENDING))
        accept([each for each in pending if each.genre_id in wanted], reviewer)
        reject([each for each in pending if each.genre_id not in wanted], reviewer)
        present = {row.genre_id: row for row in MovieGenre.objects.filter(movie=movie)}
        decisions = [
            ReviewDecision(
                reviewer_id=reviewer.pk,
                movie=movie,
                genre=genre,
                verdict=ReviewDecision.Verdict.ADDED,
                origin_before=ReviewDecision.NO_GENRE,
            )
            for key, genre in wanted.items()
            if key not in present
        ] + [
            ReviewDecision(
                reviewer_id=reviewer.pk,
                movie=movie,
                genre_id=key,
                verdict=ReviewDecision.Verdict.REMOVED,
                origin_before=row.origin,
            )
            for key, row in present.items()
            if key not in wanted
        ]
        ReviewDecision.objects.bulk_create(decisions)
        MovieGenre.objects.filter(movie=movie).exclude(genre__in=wanted).delete()
        MovieGenre.objects.bulk_create(
            [MovieGenre(movie=movie, genre_id=key, origin=MovieGenre.Origin.MANUAL) for key in wanted],
            update_conflicts=True,
            unique_fields=["movie", "genre"],
            update_fields=["origin"],
        )
        Movie.objects.filter(pk=movie.pk).update(genres_locked=True)
    movie.genres_locked = True


def next_sequences(suggestions: Iterable[int], reviewer: AbstractBaseUser) -> dict[int, int]:
    """The sequence number of the reviewer's next decision on those suggestions they decided on before."""
    before = ReviewDecision.objects.filter(suggestion__in=suggestions, reviewer_id=reviewer.pk).order_by()
    return {pk: last + 1 for pk, last in before.values_list("suggestion").annotate(Max("sequence"))}


def _decide(
    suggestions: Iterable[Suggestion],
    reviewer: AbstractBaseUser,
    verdict: str,
    batch: DecisionBatch | None = None,
) -> int:
    asked = list(suggestions)
    movies = {suggestion.movie_id for suggestion in asked}
    with transaction.atomic():
        # Movies first and in order, as everywhere: reviewers and labelling could lock each other out.
        list(Movie.objects.select_for_update().filter(pk__in=movies).order_by("pk").values_list("pk"))
        # Read again under the lock: of two reviewers only one finds a suggestion pending.
        pending = list(
            Suggestion.objects.select_for_update()
            .filter(pk__in=[suggestion.pk for suggestion in asked], movie__in=movies, state=PENDING)
            .order_by("pk")
        )
        if not pending:
            return 0
        keys = [suggestion.pk for suggestion in pending]
        Suggestion.objects.filter(pk__in=keys).update(state=verdict, decided_at=timezone.now())
        present = MovieGenre.objects.filter(movie__in=movies).order_by()
        origins = {
            (movie, genre): origin for movie, genre, origin in present.values_list("movie", "genre", "origin")
        }
        sequences = next_sequences(keys, reviewer)
        ReviewDecision.objects.bulk_create(
            ReviewDecision(
                reviewer_id=reviewer.pk,
                movie_id=each.movie_id,
                genre_id=each.genre_id,
                suggestion=each,
                verdict=verdict,
                score=each.score,
                threshold=each.threshold,
                sequence=sequences.get(each.pk, 1),
                origin_before=origins.get((each.movie_id, each.genre_id), ReviewDecision.NO_GENRE),
                batch=batch,
            )
            for each in pending
        )
        if verdict == ReviewDecision.Verdict.ACCEPTED:
            # A genre that an import or a person has set meanwhile keeps that origin.
            MovieGenre.objects.bulk_create(
                (
                    MovieGenre(
                        movie_id=each.movie_id, genre_id=each.genre_id, origin=MovieGenre.Origin.ACCEPTED
                    )
                    for each in pending
                ),
                ignore_conflicts=True,
            )
    return len(pending)
