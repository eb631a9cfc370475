"""Undo decisions: restore genres and make suggestions pending again, unless something changed since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max

from catalog.models import Movie, MovieGenre, ReviewDecision, Suggestion

from .review import PENDING, next_sequences

ACCEPTED = MovieGenre.Origin.ACCEPTED


@dataclass
class Reversal:
    """The effect of undoing a decision: `genre` is the row to delete; `kept` says why it is not undone."""

    decision: ReviewDecision
    genre: MovieGenre | None = None
    kept: str = ""


def undo(decisions: Iterable[ReviewDecision], reviewer: AbstractBaseUser) -> list[Reversal]:
    """Undo accepted and rejected suggestions in one transaction, each at most once.

    An undo is a new decision that refers to the one it reverses. Decisions are kept where something changed
    since. Returns the effect of each.
    """
    with transaction.atomic():
        asked = list(decisions)
        movies = {decision.movie_id for decision in asked}
        list(Movie.everything.select_for_update().filter(pk__in=movies).order_by("pk").values_list("pk"))
        found = ReviewDecision.objects.filter(pk__in=[each.pk for each in asked], reversal=None)
        planned = plan(list(found.order_by("pk")))
        undone = [each for each in planned if not each.kept]
        suggestions = [each.decision.suggestion_id for each in undone if each.decision.suggestion_id]
        sequences = next_sequences(suggestions, reviewer)
        ReviewDecision.objects.bulk_create(
            ReviewDecision(
                reviewer_id=reviewer.pk,
                movie_id=each.decision.movie_id,
                genre_id=each.decision.genre_id,
                suggestion_id=each.decision.suggestion_id,
                verdict=ReviewDecision.Verdict.UNDONE,
                sequence=sequences.get(each.decision.suggestion_id or 0, 1),
                origin_before=ACCEPTED if each.genre else each.decision.origin_before,
                reverses=each.decision,
            )
            for each in undone
        )
        MovieGenre.objects.filter(pk__in=[each.genre.pk for each in undone if each.genre]).delete()
        Suggestion.objects.filter(pk__in=suggestions).update(state=PENDING, decided_at=None)
    return planned


def plan(decisions: Sequence[ReviewDecision]) -> list[Reversal]:
    """The effects of undoing these now. Only reads, with the same number of queries for any number."""
    movies = {decision.movie_id for decision in decisions}
    suggestions = Suggestion.objects.in_bulk([each.suggestion_id for each in decisions if each.suggestion_id])
    held = {
        (row.movie_id, row.genre_id): row
        for row in MovieGenre.objects.filter(movie__in=movies).select_related("genre")
    }
    pending = Suggestion.objects.filter(movie__in=movies, state=PENDING).order_by()
    waiting = set(pending.values_list("movie", "genre"))
    newest = ReviewDecision.objects.filter(movie__in=movies).order_by().values_list("movie", "genre")
    latest = {(movie, genre): last for movie, genre, last in newest.annotate(Max("pk"))}
    merged = dict(
        Movie.everything.filter(pk__in=movies, merged_into__isnull=False).values_list("pk", "merged_into")
    )
    # The row of a merged movie is not changed any more after the merge.
    absorbed = Movie.everything.filter(merged_into__in=movies).order_by().values_list("merged_into")
    absorbed_at = dict(absorbed.annotate(Max("updated_at")))
    planned = []
    for decision in decisions:
        pair = decision.movie_id, decision.genre_id
        reversal = Reversal(decision)
        suggestion = suggestions.get(decision.suggestion_id or 0)
        merged_at = absorbed_at.get(decision.movie_id)
        if decision.movie_id in merged:
            reversal.kept = f"the movie was merged into no. {merged[decision.movie_id]}"
        elif merged_at is not None and merged_at > decision.created_at:
            reversal.kept = "another movie was merged into it since"
        elif suggestion is None or suggestion.state != decision.verdict or latest[pair] != decision.pk:
            reversal.kept = "it was decided again since"
        elif pair in waiting:
            reversal.kept = "a newer suggestion of this genre is pending"
        elif decision.verdict == ReviewDecision.Verdict.ACCEPTED:
            _plan_genre(reversal, held.get(pair))
        planned.append(reversal)
    return planned


def _plan_genre(reversal: Reversal, now: MovieGenre | None) -> None:
    before = reversal.decision.origin_before
    if not before:
        reversal.kept = "it was not recorded whether the movie had the genre before"
    elif now is None:
        reversal.kept = "the genre was removed since"
    elif now.origin != (ACCEPTED if before == ReviewDecision.NO_GENRE else before):
        reversal.kept = f"the genre is {now.get_origin_display()} now"
    elif before == ReviewDecision.NO_GENRE:
        reversal.genre = now
