"""What the decisions of reviewers say about suggestions and reviewing: precision, acceptance, pace.

Counted are accepted and rejected suggestions whose decision was not undone. Suggestions that were accepted in
a batch are left out of every share, because nobody looked at each of them; they are counted separately.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.utils import timezone

from catalog.models import GenreModel, ReviewDecision
from ml.stats import wilson

from . import review

ACCEPTED, REJECTED = ReviewDecision.Verdict.ACCEPTED, ReviewDecision.Verdict.REJECTED
COUNTS = {
    "accepted": Count("pk", filter=Q(verdict=ACCEPTED, batch=None)),
    "decided": Count("pk", filter=Q(batch=None)),
    "batched": Count("batch"),
}
# The time in seconds between two decisions that were made with one click, and the shortest break.
ONE_CLICK, BREAK = 0.2, 300
# The decisions of which the pace is computed.
LATEST = 5000
PERIODS = 12


@dataclass(frozen=True)
class Share:
    """`part` of `whole` decisions, with Wilson's 95% interval."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.part, self.whole)

    def __str__(self) -> str:
        """For example "82% (74–88%)"; a dash without decisions."""
        if self.value is None:
            return "–"
        low, high = self.interval
        return f"{self.value:.0%} ({100 * low:.0f}–{high:.0%})"


@dataclass(frozen=True)
class PrecisionRow:
    """Decisions on the suggestions of a model, of one genre or of all. batched: accepted in batches."""

    name: str
    precision: Share
    batched: int
    model: GenreModel | None = None


@dataclass(frozen=True)
class Period:
    """The decisions from `start` on, until the next period."""

    start: datetime | None
    acceptance: Share
    batched: int


def counted() -> QuerySet[ReviewDecision]:
    """Accepted and rejected suggestions whose decision was not undone."""
    decided = ReviewDecision.objects.filter(verdict__in=(ACCEPTED, REJECTED), reversal=None)
    return decided.filter(suggestion__isnull=False).order_by()


def precision() -> dict[int, dict[str, PrecisionRow]]:
    """The rows of each model by genre, by the model's primary key. One query."""
    found: dict[int, dict[str, PrecisionRow]] = {}
    rows = counted().values("suggestion__model", "genre__name").annotate(**COUNTS)
    for row in rows.values_list("suggestion__model", "genre__name", *COUNTS):
        model, genre, accepted, decided, batched = row
        found.setdefault(model, {})[genre] = PrecisionRow(genre, Share(accepted, decided), batched)
    return found


def together(name: str, rows: Sequence[PrecisionRow], model: GenreModel | None = None) -> PrecisionRow:
    """The sum of the rows."""
    share = Share(sum(row.precision.part for row in rows), sum(row.precision.whole for row in rows))
    return PrecisionRow(name, share, sum(row.batched for row in rows), model)


def acceptance_over_time() -> list[Period]:
    """At most twelve days, weeks or months with decisions, the newest first, and a row for all before."""
    first = counted().order_by("pk").values_list("created_at", flat=True).first()
    if first is None:
        return []
    starts = _starts(first)
    # Compared with dates in turn, because SQLite truncates dates in Python, which takes seconds.
    cases = [When(created_at__gte=start, then=Value(number)) for number, start in enumerate(starts)]
    number = Case(*cases, default=Value(len(starts)), output_field=IntegerField())
    rows = counted().annotate(number=number).values("number").annotate(**COUNTS)
    return [
        Period(starts[index] if index < len(starts) else None, Share(accepted, decided), batched)
        for index, accepted, decided, batched in rows.order_by("number").values_list("number", *COUNTS)
    ]


def _starts(first: datetime) -> list[datetime]:
    """The beginnings of days, weeks or months since `first`, the newest first, at most twelve."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    days = [today - timedelta(days=number) for number in range(PERIODS)]
    weeks = [monday - timedelta(weeks=number) for number in range(PERIODS)]
    months = [today.replace(day=1)]
    while len(months) < PERIODS:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    for starts in (days, weeks):
        if first >= starts[-1]:
            return starts
    return months


@dataclass(frozen=True)
class Pace:
    """The latest decisions of a reviewer. minutes: the time between them, without breaks.

    timed: movies of which the time is known. corrections: genres that were ticked in advance and rejected,
    not ticked and accepted, added, or removed.
    """

    reviewer: str
    movies: int
    timed: int
    minutes: float
    corrections: int

    @property
    def movies_per_minute(self) -> float | None:
        return self.timed / self.minutes if self.timed and self.minutes else None

    @property
    def corrections_per_movie(self) -> float:
        return self.corrections / self.movies


def paces(reviewer: AbstractBaseUser | None = None) -> list[Pace]:
    """Of this reviewer or of all, by name, from the latest decisions.

    Batches are left out, and so is the time of movies that were decided together with one click.
    """
    latest = ReviewDecision.objects.filter(reversal=None, batch=None).exclude(
        verdict=ReviewDecision.Verdict.UNDONE
    )
    if reviewer is not None:
        latest = latest.filter(reviewer=reviewer.pk)
    rows = latest.annotate(was_ticked=review.ticked("suggestion__")).order_by("-pk")
    by_reviewer: dict[str, list[tuple[Any, ...]]] = {}
    for name, *decision in reversed(
        rows.values_list(
            "reviewer__username", "movie", "created_at", "verdict", "origin_before", "was_ticked"
        )[:LATEST]
    ):
        by_reviewer.setdefault(name, []).append(tuple(decision))
    return [_pace(name, decisions) for name, decisions in sorted(by_reviewer.items())]


def _pace(name: str, decisions: list[tuple[Any, ...]]) -> Pace:
    timed, seconds = 0, 0.0
    for (movie_before, before, *_), (movie, now, *_) in pairwise(decisions):
        gap = (now - before).total_seconds()
        if ONE_CLICK <= gap <= BREAK:
            seconds += gap
            timed += movie != movie_before
    corrections = sum(_is_correction(*facts) for _, _, *facts in decisions)
    return Pace(name, len({movie for movie, *_ in decisions}), timed, seconds / 60, corrections)


def _is_correction(verdict: str, origin_before: str, was_ticked: bool | None) -> bool:
    if verdict in (ACCEPTED, REJECTED):
        return (verdict == ACCEPTED) != bool(was_ticked)
    # A genre that the movie had before was only kept.
    return verdict == ReviewDecision.Verdict.REMOVED or origin_before in ("", ReviewDecision.NO_GENRE)


def models(keys: Iterable[int] = ()) -> list[GenreModel]:
    """These models and the active one, the newest first, without their large fields."""
    rows = GenreModel.objects.filter(Q(pk__in=keys) | Q(state=GenreModel.State.ACTIVE))
    return list(rows.only("version", "recipe", "state", "shipped", "calibration", *GenreModel.LISTS))
