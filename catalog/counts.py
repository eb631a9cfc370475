"""Counts of movies, posters and suggestions, for the home page, the admin and the terminal."""

from __future__ import annotations

from django.db.models import QuerySet

from catalog.models import Embedding, Movie, MovieGenre, Poster, ReviewDecision, ReviewFlag, Suggestion


def movie_count() -> int:
    """The number of movies. `Movie.objects.count()` takes longer: it reads in each row if it is merged."""
    return Movie.everything.count() - Movie.everything.filter(merged_into__isnull=False).count()


def public_counts() -> dict[str, int]:
    """Movies, posters and untagged movies, which everybody may read."""
    movies = movie_count()
    # Merged movies have no genres.
    tagged = MovieGenre.objects.order_by().values("movie").distinct().count()
    return {"movies": movies, "posters": Poster.objects.count(), "untagged": movies - tagged}


def pending_suggestions() -> QuerySet[Suggestion]:
    """Suggestions to review, without those of flagged movies."""
    flagged = ReviewFlag.objects.open().values("movie")
    return Suggestion.objects.filter(state=Suggestion.State.PENDING).exclude(movie__in=flagged)


def catalogue_counts() -> dict[str, int]:
    """The public counts, and embedded posters, suggestions to review and decisions that were not undone."""
    return public_counts() | {
        "embedded": Embedding.objects.order_by().values("poster").distinct().count(),
        "pending": pending_suggestions().count(),
        "reviewed": ReviewDecision.objects.standing().count(),
    }
