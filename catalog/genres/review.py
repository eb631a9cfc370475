"""The review queue: select pending suggestions, accept or reject them, and record every decision."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
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
    ReviewFlag,
    Suggestion,
)

PENDING = Suggestion.State.PENDING
# The fields of suggestions that cards show. `tick`: whether the model would tick it in advance.
SHOWN = (
    *("movie", "genre", "model", "score", "threshold", "sure", "tick"),
    *("poster_sha256", "evidence", "explanation"),
)
# From this score on, suggestions are ticked in advance if their model has no tick threshold.
LIKELY = 0.5


class NotPending(ValueError):
    """Some of the suggestions were decided or replaced meanwhile, so nothing was saved.

    suggestions: their ids.
    """

    def __init__(self, suggestions: set[int]) -> None:
        super().__init__("Some suggestions are not pending any more.")
        self.suggestions = suggestions


@dataclass(frozen=True)
class Selection:
    """A filter of pending suggestions, for the pages of the review queue and the runs they start.

    words: in the movie's titles or ids. genre: its id. min_score: the lowest score. sure: only sure ones.
    last: the highest id of a suggestion. excluded: ids of movies that are left out.
    """

    words: str = ""
    genre: int | None = None
    min_score: float | None = None
    sure: bool = False
    last: int | None = None
    excluded: Sequence[int] = ()

    @property
    def narrows_suggestions(self) -> bool:
        """Whether the filter may select only some of a movie's pending suggestions."""
        return bool(self.genre or self.sure) or self.min_score is not None

    def of_any_movie(self) -> QuerySet[Suggestion]:
        """The selected pending suggestions, without the filter by words. Flagged movies are left out."""
        found = Suggestion.objects.filter(state=PENDING).exclude(movie__in=flagged())
        if self.genre:
            found = found.filter(genre=self.genre)
        if self.min_score is not None:
            found = found.filter(score__gte=self.min_score)
        if self.sure:
            found = found.filter(sure=True)
        if self.excluded:
            found = found.exclude(movie__in=self.excluded)
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
        unset: tuple[Any, ...] = (None, "", (), [])
        chosen = asdict(self).items()
        return {name: value for name, value in chosen if value not in unset and value is not False}

    def __str__(self) -> str:
        """In words: "sure, Drama, score from 0.80, matching “ember”, without 3 excluded"."""
        genre = Genre.objects.filter(pk=self.genre).first() if self.genre else None
        parts = [
            "sure" if self.sure else "",
            genre.name if genre else "",
            "" if self.min_score is None else f"score from {self.min_score:.2f}",
            f"matching “{self.words}”" if self.words else "",
            f"without {len(self.excluded):,} excluded" if self.excluded else "",
        ]
        return ", ".join(filter(None, parts)) or "all"


def review_queue() -> QuerySet[Any, Any]:
    """Movies with pending suggestions, the highest score first, as rows of `movie_id` and `best_score`.

    Flagged movies are left out. Grouping and sorting whole movies would take three times as long. `cards`
    fetches the movies of a page.
    """
    waiting = Suggestion.objects.filter(state=PENDING, movie__merged_into=None)
    rows = waiting.exclude(movie__in=flagged()).values("movie_id")
    return rows.annotate(best_score=Max("score")).order_by("-best_score", "movie_id")


def flagged() -> QuerySet[Any, Any]:
    """Ids of the movies that reviewers have put aside, for subqueries."""
    return ReviewFlag.objects.open().order_by().values("movie")


def open_flag(movie: Movie) -> ReviewFlag | None:
    """The flag that puts the movie aside, with its reviewer."""
    flags = ReviewFlag.objects.open().filter(movie=movie).select_related("reviewer")
    return flags.only("note", "created_at", "movie", "reviewer__username").first()


def is_ticked(suggestion: Suggestion) -> bool:
    """Whether the queue ticks the suggestion in advance."""
    if suggestion.model.tick_thresholds:
        return suggestion.tick
    return suggestion.sure or suggestion.score >= LIKELY


def ticked(lookup: str = "") -> Q:
    """The suggestions that `is_ticked`, as a condition. lookup: leads to them, such as "suggestion__"."""
    likely = Q((f"{lookup}sure", True)) | Q((f"{lookup}score__gte", LIKELY))
    return Q((f"{lookup}tick", True)) | Q((f"{lookup}model__tick_thresholds", [])) & likely


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
    posters = Poster.objects.only(
        *("movie", "sha256", "perceptual_hash", "file", "medium", "width", "height", "is_primary")
    )
    movies = Movie.objects.prefetch_related(
        Prefetch("posters", posters), Prefetch("suggestions", pending, to_attr="pending_suggestions")
    ).in_bulk(movie_ids)
    return [movies[pk] for pk in movie_ids if pk in movies]


def calibration(lookup: str = "model") -> Prefetch[str]:
    """Prefetches the genre models with the fields that say how suggestions are shown; metrics are large."""
    return Prefetch(lookup, GenreModel.objects.only("calibration", "tick_thresholds"))


def accept(
    suggestions: Iterable[Suggestion],
    reviewer: AbstractBaseUser,
    batch: DecisionBatch | None = None,
    *,
    at: datetime | None = None,
) -> int:
    """Accept those of the suggestions that are still pending: they become genres. Returns how many.

    at: the time of the decisions, by default now. Decisions of the same time are undone together.
    """
    return len(_decide(suggestions, reviewer, ReviewDecision.Verdict.ACCEPTED, at or timezone.now(), batch))


def reject(
    suggestions: Iterable[Suggestion], reviewer: AbstractBaseUser, *, at: datetime | None = None
) -> int:
    """Reject those of the suggestions that are still pending. Returns how many."""
    return len(_decide(suggestions, reviewer, ReviewDecision.Verdict.REJECTED, at or timezone.now()))


def decide_movie(
    movie: Movie,
    reviewer: AbstractBaseUser,
    *,
    accept: Collection[int] = (),
    reject: Collection[int] = (),
    add: Collection[int] = (),
    remove: Collection[int] = (),
    at: datetime | None = None,
    by_hand: bool = False,
    resolve_flag: bool = False,
) -> list[ReviewDecision]:
    """Make all decisions about a movie in one transaction, and return them. They have the same time.

    accept, reject: ids of its suggestions. add, remove: ids of genres; those that the movie has or lacks
    already are left out, and a pending suggestion of an added genre is accepted. Imports no longer change
    the genres of a movie whose genres were added or removed. Raises NotPending if a suggestion was decided
    or replaced meanwhile, and Movie.DoesNotExist if the movie was merged; then nothing is saved.
    at: the time, by default now. by_hand: whether the caller locks the movie in any case. resolve_flag:
    whether a decision resolves the movie's open flag; it then has the time of the decisions, so that an
    undo opens it again.
    """
    now = at or timezone.now()
    with transaction.atomic():
        locked = Movie.objects.select_for_update().get(pk=movie.pk)
        pending = list(Suggestion.objects.select_for_update().filter(movie=movie, state=PENDING))
        if missing := {*accept, *reject} - {each.pk for each in pending}:
            raise NotPending(missing)
        accepted = [each for each in pending if each.pk in accept or each.genre_id in add]
        rejected = [each for each in pending if each.pk in reject and each not in accepted]
        decisions = _decide(accepted, reviewer, ReviewDecision.Verdict.ACCEPTED, now)
        locks = by_hand and not locked.genres_locked
        decisions += _decide(rejected, reviewer, ReviewDecision.Verdict.REJECTED, now, locks=locks)
        origins = dict(MovieGenre.objects.filter(movie=movie).order_by().values_list("genre", "origin"))
        edited = [
            ReviewDecision(
                reviewer_id=reviewer.pk,
                movie=locked,
                genre_id=genre,
                verdict=verdict,
                origin_before=origins.get(genre, ReviewDecision.NO_GENRE),
                locks=not locked.genres_locked,
                created_at=now,
            )
            for verdict, genres in (
                (ReviewDecision.Verdict.ADDED, sorted({*add} - origins.keys())),
                (ReviewDecision.Verdict.REMOVED, sorted({*remove} & origins.keys())),
            )
            for genre in genres
        ]
        if edited:
            decisions += ReviewDecision.objects.bulk_create(edited)
            MovieGenre.objects.filter(movie=movie, genre__in=remove).delete()
            MovieGenre.objects.bulk_create(
                MovieGenre(movie=movie, genre_id=each.genre_id, origin=MovieGenre.Origin.MANUAL)
                for each in edited
                if each.verdict == ReviewDecision.Verdict.ADDED
            )
            Movie.objects.filter(pk=movie.pk).update(genres_locked=True)
        if resolve_flag and (decisions or by_hand):
            ReviewFlag.objects.open().filter(movie=movie).update(resolved_at=now)
    return decisions


def set_genres(movie: Movie, genres: Iterable[Genre], reviewer: AbstractBaseUser) -> None:
    """Set the movie's genres by hand; imports do not change them afterwards.

    Pending suggestions of these genres are accepted, the others are rejected, and an open flag of the movie
    is resolved. Genres that are added or removed are recorded as decisions too, and so are imported and
    accepted ones that are kept: as added, with the origin before.
    """
    wanted = {genre.pk for genre in genres}
    now = timezone.now()
    with transaction.atomic():
        locked = Movie.objects.select_for_update().get(pk=movie.pk)
        pending = list(Suggestion.objects.filter(movie=movie, state=PENDING))
        present = set(MovieGenre.objects.filter(movie=movie).values_list("genre", flat=True))
        decide_movie(
            movie,
            reviewer,
            reject=[each.pk for each in pending if each.genre_id not in wanted],
            add=wanted,
            remove=present - wanted,
            at=now,
            by_hand=True,
            resolve_flag=True,
        )
        others = MovieGenre.objects.filter(movie=movie).exclude(origin=MovieGenre.Origin.MANUAL)
        ReviewDecision.objects.bulk_create(
            ReviewDecision(
                reviewer_id=reviewer.pk,
                movie=locked,
                genre_id=row.genre_id,
                verdict=ReviewDecision.Verdict.ADDED,
                origin_before=row.origin,
                locks=not locked.genres_locked,
                created_at=now,
            )
            for row in others
        )
        others.update(origin=MovieGenre.Origin.MANUAL)
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
    now: datetime,
    batch: DecisionBatch | None = None,
    *,
    locks: bool = False,
) -> list[ReviewDecision]:
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
            return []
        keys = [suggestion.pk for suggestion in pending]
        Suggestion.objects.filter(pk__in=keys).update(state=verdict, decided_at=now)
        present = MovieGenre.objects.filter(movie__in=movies).order_by()
        origins = {
            (movie, genre): origin for movie, genre, origin in present.values_list("movie", "genre", "origin")
        }
        sequences = next_sequences(keys, reviewer)
        decisions = ReviewDecision.objects.bulk_create(
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
                locks=locks,
                created_at=now,
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
    return decisions
