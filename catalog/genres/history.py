"""The history of a movie's genres: what reviewers, imports and merges changed, and what can be reverted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.timezone import localtime

from catalog.models import (
    DuplicateDecision,
    Genre,
    ImportChange,
    Movie,
    MovieGenre,
    ReviewDecision,
    Run,
)

from . import decision_batches, promotion, review

UNDONE = ReviewDecision.Verdict.UNDONE
# More than a movie ever has; a script may have decided more.
DECISIONS_SHOWN = 500


@dataclass(frozen=True)
class Change:
    """A change of a genre of the movie. who: a person, or what did it.

    before, after: the origin in words; "" for not having the genre, None if it was not recorded or did not
    change. run: the import. obstacle: why this cannot be reverted. together: ids of the decisions of the same
    time that can be, only on the first of them.
    """

    at: datetime
    who: str
    what: str
    genre: str
    before: str | None = None
    after: str | None = None
    note: str = ""
    run: Run | None = None
    decision: ReviewDecision | None = None
    obstacle: str = ""
    together: tuple[int, ...] = ()

    @property
    def can_be_reverted(self) -> bool:
        return self.decision is not None and not self.obstacle


def history(movie: Movie) -> list[Change]:
    """All recorded changes of the movie and of those merged into it, the newest first.

    A genre of which no change was recorded, as in an old import, is listed with the time when it was stored.
    The number of queries is constant.
    """
    names = dict(Genre.objects.values_list("pk", "name"))
    changes = [*_decisions(movie), *_imports(movie, names), *_merges(movie)]
    explained = {change.genre for change in changes if change.after}
    present = MovieGenre.objects.filter(movie=movie)
    changes += [
        Change(
            row.created_at,
            "",
            row.get_origin_display(),
            names[row.genre_id],
            after=row.get_origin_display(),
            note="what set it is not recorded any more",
        )
        for row in present
        if names[row.genre_id] not in explained
    ]
    return sorted(changes, key=lambda change: change.at, reverse=True)


def revert(movie: Movie, keys: Iterable[int], reviewer: AbstractBaseUser) -> list[decision_batches.Reversal]:
    """Undo those of the decisions that are about this movie. Returns the effects, also of those not undone.

    Suggestions of an earlier model that are pending again are replaced by those of the active one.
    """
    with transaction.atomic():
        decisions = ReviewDecision.objects.filter(pk__in=keys, movie=movie, reverses=None)
        effects = decision_batches.undo(decisions, reviewer)
        if any(not each.obstacle for each in effects):
            promotion.replace_suggestions_of_other_models(Movie.objects.filter(pk=movie.pk), by=reviewer)
    return effects


def _decisions(movie: Movie) -> list[Change]:
    found = ReviewDecision.objects.filter(Q(movie=movie) | Q(movie__merged_into=movie))
    decisions = list(
        found.select_related(
            "genre", "reviewer", "suggestion", "reversal__reviewer", "reverses__reviewer", "batch"
        )
        .prefetch_related(review.calibration("suggestion__model"))
        .order_by("-pk")[:DECISIONS_SHOWN]
    )
    open_ones = [each for each in decisions if each.verdict != UNDONE and _reversal(each) is None]
    obstacles = {each.decision.pk: each.obstacle for each in decision_batches.plan_undo(open_ones)}
    by_time: dict[tuple[datetime, int], list[int]] = {}
    for each in open_ones:
        if not obstacles[each.pk]:
            by_time.setdefault((each.created_at, each.reviewer_id), []).append(each.pk)
    firsts = {keys[0]: tuple(keys) for keys in by_time.values() if len(keys) > 1}
    return [
        Change(
            decision.created_at,
            decision.reviewer.get_username(),
            _verdict(decision),
            decision.genre.name,
            before=_origin(decision.origin_before),
            after=_after(decision),
            note=_note(decision, movie),
            decision=decision,
            obstacle=obstacles.get(decision.pk, _why_not(decision)),
            together=firsts.get(decision.pk, ()),
        )
        for decision in decisions
    ]


def _verdict(decision: ReviewDecision) -> str:
    if decision.verdict == ReviewDecision.Verdict.ADDED and _origin(decision.origin_before):
        return "kept by the reviewer"
    return decision.get_verdict_display()


def _reversal(decision: ReviewDecision) -> ReviewDecision | None:
    return getattr(decision, "reversal", None)


def _why_not(decision: ReviewDecision) -> str:
    reversal = _reversal(decision)
    if reversal is not None:
        return f"undone by {reversal.reviewer.get_username()}, {_time(reversal.created_at)}"
    return "undoing cannot be undone: decide again"


def _after(decision: ReviewDecision) -> str | None:
    verdicts = ReviewDecision.Verdict
    if decision.verdict == verdicts.UNDONE:
        undone = decision.reverses
        return _origin(undone.origin_before) if undone and undone.verdict != verdicts.REJECTED else None
    if decision.verdict == verdicts.REMOVED:
        return ""
    if decision.verdict == verdicts.ADDED:
        return str(MovieGenre.Origin.MANUAL.label)
    if decision.verdict == verdicts.ACCEPTED:
        return _origin(decision.origin_before) or str(MovieGenre.Origin.ACCEPTED.label)
    return None


def _note(decision: ReviewDecision, movie: Movie) -> str:
    parts = []
    if (undone := decision.reverses) is not None:
        who = undone.reviewer.get_username()
        parts.append(f"{_verdict(undone)} by {who}, {_time(undone.created_at)}")
    if decision.batch_id:
        parts.append(f"batch #{decision.batch_id}")
    if decision.movie_id != movie.pk:
        parts.append(f"on no. {decision.movie_id}, which was merged into this movie")
    return ", ".join(parts)


def _imports(movie: Movie, names: Mapping[int, str]) -> list[Change]:
    found = ImportChange.objects.filter(Q(movie=movie) | Q(movie__merged_into=movie))
    changes = []
    for change in found.select_related("run__asked_by"):
        run = change.run
        undone = f"undone {_time(change.undone_at)}" if change.undone_at else ""
        for key, (before, after) in change.genres.items():
            changes.append(
                Change(
                    run.started_at or run.created_at,
                    run.asked_by.get_username() if run.asked_by else "",
                    "imported" if after else "removed by an import",
                    names.get(int(key), f"genre no. {key}"),
                    before=_origin(before or ReviewDecision.NO_GENRE),
                    after=_origin(after or ReviewDecision.NO_GENRE),
                    note=", ".join(filter(None, (undone, change.kept))),
                    run=run,
                    obstacle="undo the import on its page",
                )
            )
    return changes


def _merges(movie: Movie) -> list[Change]:
    """Genres of the movies that were merged into this one."""
    merged = DuplicateDecision.objects.filter(movie=movie, verdict=DuplicateDecision.Verdict.MERGED)
    return [
        Change(
            decision.created_at,
            decision.decided_by.get_username() if decision.decided_by else "",
            "merged",
            genre,
            after=_origin(origin),
            note=f"of {other.get('title', 'a movie')}, which was merged into this movie",
            obstacle="merges cannot be undone",
        )
        for decision in merged.select_related("decided_by")
        for other in decision.details.get("merged", [])
        for genre, origin in other.get("genres", {}).items()
    ]


def _origin(origin: str) -> str | None:
    """In words; "" for not having the genre, None if it was not recorded."""
    if not origin:
        return None
    return "" if origin == ReviewDecision.NO_GENRE else str(MovieGenre.Origin(origin).label)


def _time(time: datetime) -> str:
    return date_format(localtime(time), "j M Y H:i")
