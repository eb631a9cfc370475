"""The review desk: the only place where a suggestion becomes a genre, and every decision is written down."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max, Prefetch, Q, QuerySet
from django.utils import timezone

from catalog.models import Genre, Movie, MovieGenre, ReviewDecision, Suggestion

PENDING = Suggestion.State.PENDING


def review_queue() -> QuerySet[Movie]:
    """Movies with pending suggestions, the most confident first.

    Prefetched: `posters`, and `pending_suggestions` (a list, best score first).
    """
    pending = Suggestion.objects.filter(state=PENDING).select_related("genre").order_by("-score", "pk")
    return (
        Movie.objects.filter(suggestions__state=PENDING)
        .annotate(best_score=Max("suggestions__score", filter=Q(suggestions__state=PENDING)))
        .order_by("-best_score", "pk")
        .prefetch_related("posters", Prefetch("suggestions", pending, to_attr="pending_suggestions"))
    )


def accept(suggestions: Iterable[Suggestion], reviewer: AbstractBaseUser) -> int:
    """Turn pending suggestions into genres. Returns how many; those decided meanwhile are left alone."""
    return sum(_decide(suggestion, reviewer, accepted=True) for suggestion in list(suggestions))


def reject(suggestions: Iterable[Suggestion], reviewer: AbstractBaseUser) -> int:
    """Turn pending suggestions down. Returns how many; those decided meanwhile are left alone."""
    return sum(_decide(suggestion, reviewer, accepted=False) for suggestion in list(suggestions))


def set_genres(movie: Movie, genres: Iterable[Genre], reviewer: AbstractBaseUser) -> None:
    """Make `genres` the movie's genres, as a person's word that no import changes.

    Pending suggestions among them are accepted, the others rejected; genres added beyond the suggestions and
    genres taken away are written down as such.
    """
    wanted = {genre.pk: genre for genre in genres}
    with transaction.atomic():
        Movie.objects.select_for_update().get(pk=movie.pk)
        for suggestion in Suggestion.objects.filter(movie=movie, state=PENDING):
            _decide(suggestion, reviewer, accepted=suggestion.genre_id in wanted)
        present = {row.genre_id: row for row in MovieGenre.objects.filter(movie=movie)}
        decisions = [
            ReviewDecision(
                reviewer_id=reviewer.pk, movie=movie, genre=genre, verdict=ReviewDecision.Verdict.ADDED
            )
            for key, genre in wanted.items()
            if key not in present
        ] + [
            ReviewDecision(
                reviewer_id=reviewer.pk, movie=movie, genre_id=key, verdict=ReviewDecision.Verdict.REMOVED
            )
            for key in present
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


def _decide(suggestion: Suggestion, reviewer: AbstractBaseUser, *, accepted: bool) -> int:
    state = Suggestion.State.ACCEPTED if accepted else Suggestion.State.REJECTED
    verdict = ReviewDecision.Verdict.ACCEPTED if accepted else ReviewDecision.Verdict.REJECTED
    with transaction.atomic():
        # The movie first, as everywhere: a reviewer and a labelling task could lock each other out otherwise.
        list(Movie.objects.select_for_update().filter(pk=suggestion.movie_id).values_list("pk"))
        # The conditional update is the decision: of two reviewers only one moves the row out of pending.
        moved = Suggestion.objects.filter(pk=suggestion.pk, state=PENDING).update(
            state=state, decided_at=timezone.now()
        )
        if not moved:
            return 0
        ReviewDecision.objects.create(
            reviewer_id=reviewer.pk,
            movie_id=suggestion.movie_id,
            genre_id=suggestion.genre_id,
            suggestion_id=suggestion.pk,
            verdict=verdict,
            score=suggestion.score,
            threshold=suggestion.threshold,
        )
        if accepted:
            # A genre that an import or a person has set meanwhile keeps that origin.
            MovieGenre.objects.get_or_create(
                movie_id=suggestion.movie_id,
                genre_id=suggestion.genre_id,
                defaults={"origin": MovieGenre.Origin.ACCEPTED},
            )
    return 1
