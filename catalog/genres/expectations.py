"""What decisions let one expect of suggestions with similar scores: drift, and what thresholds change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import Count, F, IntegerField, Q, Value
from django.db.models.functions import Floor

from catalog.models import GenreModel, Suggestion

from .quality import ACCEPTED, Share, counted
from .review import PENDING, ticked

# Suggestions with similar scores are accepted equally often: scores are compared in steps of 0.05.
STEPS = 20
HUNDREDTHS = 100
# With fewer decisions, nothing is expected of the suggestions of a step.
FEWEST = 5
DRAWS = 2000
RECENT = 200
# The page is opened often, so that a 95% interval would report a drift by chance too often.
DRIFT_TAILS = (0.5, 99.5)

Counts = npt.NDArray[np.int_]


@dataclass(frozen=True)
class Estimate:
    """An expectation with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Drift:
    """The latest decisions against earlier ones about suggestions with the same scores.

    expected: the share that would have been accepted as before. difference: accepted minus expected, with its
    99% interval.
    """

    recent: Share
    expected: float
    difference: Estimate

    @property
    def expected_text(self) -> str:
        return f"{self.expected:.0%}"

    @property
    def difference_text(self) -> str:
        """For example "11 percentage points less (99% interval: 4 to 18)"."""
        ends = sorted((abs(100 * self.difference.low), abs(100 * self.difference.high)))
        direction = "less" if self.difference.value < 0 else "more"
        return (
            f"{abs(100 * self.difference.value):.0f} percentage points {direction} "
            f"(99% interval: {ends[0]:.0f} to {ends[1]:.0f})"
        )

    @property
    def is_significant(self) -> bool:
        return self.difference.low > 0 or self.difference.high < 0


def drift(model: GenreModel) -> Drift | None:
    """None while there are too few decisions to compare.

    The scores are taken into account because a queue that begins with the most confident suggestions is
    accepted less and less, without any change in model or reviewers.
    """
    individual = counted().filter(batch=None, suggestion__model=model)
    newest = individual.order_by("-pk").values_list("pk", flat=True)[RECENT - 1 : RECENT].first()
    if newest is None:
        return None
    rows = individual.annotate(step=_step(F("score"), STEPS), is_recent=Q(pk__gte=newest)).values_list(
        "is_recent", "step", "verdict"
    )
    recent, before = np.zeros((2, STEPS), int), np.zeros((2, STEPS), int)
    for is_recent, step, verdict, number in rows.annotate(Count("pk")):
        (recent if is_recent else before)[int(verdict == ACCEPTED), min(int(step), STEPS - 1)] += number
    known = before.sum(axis=0) >= FEWEST
    weights = np.where(known, recent.sum(axis=0), 0)
    # Half of the latest decisions have to be comparable.
    if weights.sum() * 2 < RECENT:
        return None
    share = Share(int(recent[1][known].sum()), int(weights.sum()))
    rates = _draws(before[1], before[0]) @ (weights / weights.sum())
    now = _draws(np.array([share.part]), np.array([share.whole - share.part]), seed=1)[:, 0]
    expected = float(_rates(before) @ (weights / weights.sum()))
    low, high = np.percentile(now - rates, DRIFT_TAILS)
    return Drift(share, expected, Estimate((share.value or 0) - expected, float(low), float(high)))


@dataclass(frozen=True)
class Outlook:
    """What is expected of the pending suggestions at a threshold and a tick point.

    corrections: genres that a reviewer has to tick, untick or add. Estimates are None if there is nothing to
    estimate from.
    """

    suggested: int
    ticked: int
    precision: Estimate | None = None
    ticked_precision: Estimate | None = None
    corrections: Estimate | None = None


@dataclass(frozen=True)
class Simulation:
    """now: as the model suggests and ticks. moved: with the chosen thresholds.

    decided: decisions on suggestions from the chosen threshold on. unknown: pending suggestions whose scores
    have too few decisions.
    """

    now: Outlook
    moved: Outlook
    decided: Share
    movies: int
    unknown: int


def simulate(model: GenreModel, genre: int | None, suggest: float, tick: float) -> Simulation:
    """What would change for pending suggestions. Nothing is known of genres below the model's own thresholds.

    The shares accepted so far are taken by steps of the score, because pending suggestions usually have lower
    scores than decided ones. For all genres together, genres are not told apart: this is slightly inexact.
    """
    pending = Suggestion.objects.filter(model=model, state=PENDING).order_by()
    decided = counted().filter(batch=None, suggestion__model=model)
    if genre is not None:
        pending, decided = pending.filter(genre=genre), decided.filter(genre=genre)
    counts = np.zeros((2, HUNDREDTHS), int)
    for at, is_ticked, number in (
        pending.annotate(at=_step(F("score"), HUNDREDTHS), is_ticked=ticked())
        .values_list("at", "is_ticked")
        .annotate(Count("pk"))
    ):
        counts[int(is_ticked), min(int(at), HUNDREDTHS - 1)] += number
    verdicts = np.zeros((2, HUNDREDTHS), int)
    for at, verdict, number in (
        decided.annotate(at=_step(F("score"), HUNDREDTHS)).values_list("at", "verdict").annotate(Count("pk"))
    ):
        verdicts[int(verdict == ACCEPTED), min(int(at), HUNDREDTHS - 1)] += number
    by_step = verdicts.reshape(2, STEPS, -1).sum(axis=2)
    from_here = np.arange(HUNDREDTHS) >= round(suggest * HUNDREDTHS)
    above_tick = from_here & (np.arange(HUNDREDTHS) >= round(tick * HUNDREDTHS))
    everything = counts.sum(axis=0)
    outlook = _Expectations(by_step, everything)
    return Simulation(
        now=outlook.at(everything, counts[1]),
        moved=outlook.at(everything * from_here, everything * above_tick),
        decided=Share(int(verdicts[1][from_here].sum()), int(verdicts[:, from_here].sum())),
        movies=pending.values("movie").distinct().count(),
        unknown=int(_by_step(everything)[~outlook.known].sum()),
    )


@dataclass
class _Expectations:
    """Expectations from decisions (2, steps) for the pending suggestions (hundredths,)."""

    decisions: Counts
    everything: Counts
    known: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.known = self.decisions.sum(axis=0) >= FEWEST
        self.rates = _rates(self.decisions)
        self.draws = _draws(self.decisions[1], self.decisions[0])

    def at(self, suggested: Counts, ticked: Counts) -> Outlook:
        counts = Outlook(int(suggested.sum()), int(ticked.sum()))
        in_steps = _by_step(suggested) * self.known
        ticked_in_steps = _by_step(ticked) * self.known
        everything = _by_step(self.everything) * self.known
        if not everything.any():
            return counts
        # Right genres that are not ticked, and wrong ones that are.
        signs = everything - 2 * ticked_in_steps
        return Outlook(
            counts.suggested,
            counts.ticked,
            self._mean(in_steps),
            self._mean(ticked_in_steps),
            self._estimate(signs, float(ticked_in_steps.sum())),
        )

    def _mean(self, weights: Counts) -> Estimate | None:
        return self._estimate(weights / weights.sum()) if weights.any() else None

    def _estimate(self, weights: npt.NDArray[Any], constant: float = 0.0) -> Estimate:
        low, high = np.percentile(self.draws @ weights, [2.5, 97.5]) + constant
        return Estimate(float(self.rates @ weights) + constant, float(low), float(high))


def _by_step(counts: Counts) -> Counts:
    return counts.reshape(STEPS, -1).sum(axis=1)


def _rates(decisions: Counts) -> npt.NDArray[np.float64]:
    """The accepted shares of rejected and accepted decisions (2, steps)."""
    return decisions[1] / np.maximum(decisions.sum(axis=0), 1)


def _draws(accepted: Counts, rejected: Counts, seed: int = 0) -> npt.NDArray[np.float64]:
    """(draws, steps): accepted shares that are plausible after these decisions, from beta distributions.

    Jeffreys' prior; Brown, Cai & DasGupta, "Interval estimation for a binomial proportion", 2001.
    """
    random = np.random.default_rng(seed)
    return random.beta(accepted + 0.5, rejected + 0.5, (DRAWS, len(accepted)))


def _step(score: F, steps: int) -> Floor:
    """The step of a score, from 0. Rounding errors must not move a score of 0.29 into the step below."""
    return Floor(score * Value(float(steps)) + Value(1e-9), output_field=IntegerField())
