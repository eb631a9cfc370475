"""The review queue: select pending suggestions, accept or reject them, and record every decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max, Prefetch, Q, QuerySet
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
# The fields of suggestions that cards show. `tick`: whether the model would tick it in advance.
SHOWN = (
    *("movie", "genre", "model", "score", "threshold", "sure", "tick"),
    *("poster_sha256", "evidence", "explanation"),
)


@dataclass(frozen=True)
class Selection:
    """A filter of pending suggestions, for the pages of the review queue and the runs they start.

    words: in the movie's titles or ids. genre: its id. min_score: the lowest score. sure: only sure ones.
    last: the highest id of a suggestion.
    """

    words: str = ""
    genre: int | None = None
    min_score: float | None = None
    sure: bool = False
    last: int | None = None

    @property
    def narrows_suggestions(self) -> bool:
        """Whether the filter may select only some of a movie's pending suggestions."""
        return bool(self.genre or self.sure) or self.min_score is not None

    def of_any_movie(self) -> QuerySet[Suggestion]:
        """The selected pending suggestions, without the filter by words."""
        found = Suggestion.objects.filter(state=Suggestion.State.PENDING)
        if self.genre:
            found = found.filter(genre=self.genre)
        if self.min_score is not None:
            found = found.filter(score__gte=self.min_score)
        if self.sure:
            found = found.filter(sure=True)
        return found if self.last is None else found.filter(pk__lte=self.last)

    def suggestions(self) -> QuerySet[Suggestion]:
        """The selected pending suggestions."""
        found = self.of_any_movie()
        if not self.words:
            return found
        return found.filter(movie__in=self.movies(Movie.objects.order_by()).values("pk"))

    def movies(self, movies: QuerySet[Movie, Any]) -> QuerySet[Movie, Any]:
        """Those of `movies` that have all the words."""
        for word in self.words.split():
            found = (
                Q(title__icontains=word)
                | Q(original_title__icontains=word)
                | Q(franchise__icontains=word)
                | Q(imdb_id__iexact=word)
            )
            if word.isdecimal() and len(word) < 10:
                found |= Q(tmdb_id=int(word)) | Q(movielens_id=int(word)) | Q(year=int(word))
            movies = movies.filter(found)
        return movies

    def as_json(self) -> dict[str, Any]:
        """What was set, to be stored; `Selection(**stored)` is the same again."""
        chosen = asdict(self).items()
        return {name: value for name, value in chosen if value not in (None, "") and value is not False}

    def __str__(self) -> str:
        """In words: "sure, Drama, score from 0.80, matching “ember”"."""
        genre = Genre.objects.filter(pk=self.genre).first() if self.genre else None
        parts = [
            "sure" if self.sure else "",
            genre.name if genre else "",
            "" if self.min_score is None else f"score from {self.min_score:.2f}",
            f"matching “{self.words}”" if self.words else "",
        ]
        return ", ".join(filter(None, parts)) or "all"


def review_queue() -> QuerySet[Any, Any]:
    """Movies with pending suggestions, the highest score first, as rows of `movie_id` and `best_score`.

    Grouping and sorting whole movies would take three times as long. `cards` fetches the movies of a page.
    """
    waiting = Suggestion.objects.filter(state=PENDING, movie__merged_into=None).values("movie_id")
    return waiting.annotate(best_score=Max("score")).order_by("-best_score", "movie_id")


def cards(movie_ids: Sequence[int]) -> list[Movie]:
    """The movies with these ids, in this order.

    Prefetched: `posters`, and `pending_suggestions` (a list, highest score first), with the fields that cards
    show.
    """
    pending = (
        Suggestion.objects.filter(state=PENDING)
        .only(*SHOWN)
        .prefetch_related("genre", calibration())
        .order_by("-score", "pk")
    )
    posters = Poster.objects.only("movie", "sha256", "file", "medium", "width", "height", "is_primary")
    movies = Movie.objects.prefetch_related(
        Prefetch("posters", posters), Prefetch("suggestions", pending, to_attr="pending_suggestions")
    ).in_bulk(movie_ids)
    return [movies[pk] for pk in movie_ids if pk in movies]


def calibration(lookup: str = "model") -> Prefetch[str]:
    """Prefetches the genre models with the field that says how scores are shown; their metrics are large."""
    return Prefetch(lookup, GenreModel.objects.only("calibration"))


def accept(
    suggestions: Iterable[Suggestion], reviewer: AbstractBaseUser, batch: DecisionBatch | None = None
) -> int:
    """Accept those of the suggestions that are still pending: they become genres. Returns how many."""
    return _decide(suggestions, reviewer, ReviewDecision.Verdict.ACCEPTED, batch)


def reject(suggestions: Iterable[Suggestion], reviewer: AbstractBaseUser) -> int:
    """Reject those of the suggestions that are still pending. Returns how many."""
    return _decide(suggestions, reviewer, ReviewDecision.Verdict.REJECTED)


def set_genres(movie: Movie, genres: Iterable[Genre], reviewer: AbstractBaseUser) -> None:
    """Set the movie's genres by hand; imports do not change them afterwards.

    Pending suggestions of these genres are accepted, the others are rejected. Other genres that are added or
    removed are recorded as decisions too.
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
    """The sequence number of the reviewer's next decision, by suggestion; 1 for those left out."""
    before = ReviewDecision.objects.filter(suggestion__in=suggestions, reviewer_id=reviewer.pk).order_by()
    return {pk: last + 1 for pk, last in before.values_list("suggestion").annotate(Max("sequence"))}


def _decide(
    suggestions: Iterable[Suggestion],
    reviewer: AbstractBaseUser,
    verdict: str,
    batch: DecisionBatch | None = None,
) -> int:
    suggestions = list(suggestions)
    movies = {suggestion.movie_id for suggestion in suggestions}
    with transaction.atomic():
        # Movies are locked first and in order, as in label runs, to avoid deadlocks.
        list(Movie.objects.select_for_update().filter(pk__in=movies).order_by("pk").values_list("pk"))
        # Read again under the lock, so that only one of two reviewers decides about a suggestion.
        pending = list(
            Suggestion.objects.select_for_update()
            .filter(pk__in=[suggestion.pk for suggestion in suggestions], movie__in=movies, state=PENDING)
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
            # A genre that was set by an import or by hand meanwhile keeps its origin.
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
