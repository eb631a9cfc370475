"""Second opinions: another reviewer is asked about a share of the decided movies, to measure agreement."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, F, IntegerField, Max, OuterRef, QuerySet, Value
from django.db.models.functions import Mod
from django.utils import timezone

from catalog.models import Genre, GenreOpinion, Movie, MovieGenre, ReviewDecision, SecondOpinion, Suggestion
from ml.genres.agreement import cohens_kappa
from ml.stats import Figure

from . import review

# A movie is chosen if its id times STRIDE, modulo a prime, is small. It is chosen for everybody, and the ids
# of those chosen are spread evenly.
STRIDE, PRIME = 7919, 10007


class NotDue(ValueError):
    """No second opinion about the movie is wanted (any more)."""


@dataclass(frozen=True)
class Agreement:
    """How two reviewers agree about a genre. Numbers of movies: chosen by both, and by only one of them."""

    genre: Genre
    both: int
    one: int
    kappa: Figure


def due(reviewer: AbstractBaseUser) -> QuerySet[Any, Any]:
    """Movies that wait for a second opinion of this reviewer, oldest decisions first: rows of `movie_id`.

    Their share is POSTERSITE_SECOND_OPINIONS. Others have decided all their suggestions, not in a batch.
    """
    pending = Suggestion.objects.filter(movie=OuterRef("movie"), state=Suggestion.State.PENDING)
    own = ReviewDecision.objects.filter(movie=OuterRef("movie"), reviewer_id=reviewer.pk)
    number = Mod(F("movie_id") * STRIDE, Value(PRIME), output_field=IntegerField())
    rows = (
        _decisions()
        .annotate(number=number)
        .filter(
            ~Exists(pending),
            ~Exists(own),
            number__lt=round(settings.SECOND_OPINIONS * PRIME),
            suggestion__isnull=False,
            movie__merged_into=None,
            movie__second_opinion=None,
        )
    )
    return rows.order_by().values("movie_id").annotate(last=Max("pk")).order_by("last")


def give(movie: Movie, reviewer: AbstractBaseUser, genres: Collection[int]) -> SecondOpinion:
    """Store which genres the second reviewer chose, beside those of the first. The movie's genres stay.

    Raises NotDue, for example if somebody else was faster.
    """
    with transaction.atomic():
        Movie.objects.select_for_update().filter(pk=movie.pk).first()
        if not due(reviewer).filter(movie=movie).exists():
            raise NotDue(f"A second opinion about {movie} is no longer wanted.")
        first = _decisions().filter(movie=movie, suggestion__isnull=False).latest("pk")
        held = set(MovieGenre.objects.filter(movie=movie).values_list("genre", flat=True))
        opinion = SecondOpinion.objects.create(movie=movie, first=first.reviewer, second_id=reviewer.pk)
        GenreOpinion.objects.bulk_create(
            GenreOpinion(opinion=opinion, genre_id=genre, first=genre in held, second=genre in genres)
            for genre in sorted(held | set(genres))
        )
    return opinion


def undo_last(reviewer: AbstractBaseUser) -> SecondOpinion | None:
    """Delete the reviewer's last opinion, unless it was resolved. None if there is nothing to undo."""
    mine = SecondOpinion.objects.filter(second_id=reviewer.pk).select_related("movie")
    last = mine.order_by("-created_at", "-pk").first()
    if last is None or not SecondOpinion.objects.filter(pk=last.pk, resolved_at=None).delete()[0]:
        return None
    return last


def agreements() -> list[Agreement]:
    """Cohen's kappa of each genre that was chosen, over all movies with a second opinion."""
    opinions = SecondOpinion.objects.order_by("pk").values_list("pk", flat=True)
    movies = {pk: row for row, pk in enumerate(opinions)}
    chosen = list(GenreOpinion.objects.values_list("opinion", "genre", "first", "second"))
    genres = list(Genre.objects.filter(pk__in={genre for _, genre, *_ in chosen}))
    if not genres:
        return []
    column = {genre.pk: index for index, genre in enumerate(genres)}
    first, second = np.zeros((2, len(movies), len(genres)), dtype=bool)
    for opinion, genre, by_first, by_second in chosen:
        if opinion not in movies:
            continue  # given since
        first[movies[opinion], column[genre]] = by_first
        second[movies[opinion], column[genre]] = by_second
    figures = cohens_kappa(first, second)
    both, one = (first & second).sum(axis=0).tolist(), (first ^ second).sum(axis=0).tolist()
    return [Agreement(*row) for row in zip(genres, both, one, figures, strict=True)]


def disagreements() -> QuerySet[SecondOpinion]:
    """Opinions that differ and were not resolved, oldest first."""
    differing = GenreOpinion.objects.filter(opinion=OuterRef("pk")).exclude(first=F("second"))
    return SecondOpinion.objects.filter(
        Exists(differing), resolved_at=None, movie__merged_into=None
    ).order_by("created_at", "pk")


def resolve(opinion: SecondOpinion, person: AbstractBaseUser, genres: Collection[int]) -> None:
    """Give the movie those of the disputed genres that are among `genres`, and take the others away.

    Raises NotDue if the disagreement was resolved meanwhile.
    """
    with transaction.atomic():
        movie = Movie.objects.select_for_update().filter(pk=opinion.movie_id).first()
        resolved = disagreements().filter(pk=opinion.pk)
        if movie is None or not resolved.exists():
            raise NotDue(f"The disagreement about {opinion.movie} was resolved meanwhile.")
        disputed = set(opinion.genres.exclude(first=F("second")).values_list("genre", flat=True))
        chosen = disputed & set(genres)
        review.decide_movie(movie, person, add=chosen, remove=disputed - chosen)
        SecondOpinion.objects.filter(pk=opinion.pk).update(resolved_by=person.pk, resolved_at=timezone.now())


def _decisions() -> QuerySet[ReviewDecision]:
    """Decisions that stand, and were not made in a batch."""
    found: QuerySet[ReviewDecision] = ReviewDecision.objects.standing().filter(batch=None)
    return found
