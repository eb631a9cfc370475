"""How many suggestions of a selection are likely to be wrong, from decisions or from the model's figures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Avg, Count, Q

from catalog.models import Genre, GenreModel
from ml.stats import wilson

from .quality import ACCEPTED, counted
from .review import Selection

# With fewer decisions, the interval of the precision is wider than 30 points.
ENOUGH_DECISIONS = 40


@dataclass(frozen=True)
class Expectation:
    """The expected number of wrong suggestions among `suggestions`.

    wrong, low, high: the number and its 95% interval; None if nothing was measured, or no interval.
    basis: "decisions" of reviewers, calibrated "scores" of the model, or its "precision" on held-out posters,
    which counts suggestions of any score: then `wrong` is an upper bound. "" if nothing was measured.
    decisions: the number of decisions that count. by_scores: the number by calibrated scores, beside that by
    decisions, which reviewers may have made about higher scores than the pending ones.
    """

    suggestions: int
    wrong: int | None = None
    low: int | None = None
    high: int | None = None
    basis: str = ""
    decisions: int = 0
    by_scores: int | None = None
    models: list[GenreModel] = field(default_factory=list)


def expectation(selection: Selection) -> Expectation:
    """The expectation for the pending suggestions in `selection`.

    Decisions count if they are about suggestions of the same models, genre and scores. Those of batches do
    not count, because nobody looked at each of them. Fewer than ENOUGH_DECISIONS are not used.
    """
    found = selection.suggestions().order_by()
    scores = {
        key: (count, mean)
        for key, count, mean in found.values_list("model").annotate(Count("pk"), Avg("score"))
    }
    suggestions = sum(count for count, _ in scores.values())
    models = list(GenreModel.objects.filter(pk__in=scores).only("version", "calibration", "metrics"))
    right, decided = _decisions(selection, models)
    by_scores = None
    if models and all(model.is_calibrated for model in models):
        by_scores = round(sum(count * (1 - mean) for count, mean in scores.values()))
    if decided >= ENOUGH_DECISIONS:
        low, high = wilson(decided - right, decided)
        wrong = round(suggestions * (1 - right / decided))
        return Expectation(
            suggestions,
            wrong,
            math.floor(suggestions * low),
            math.ceil(suggestions * high),
            "decisions",
            decided,
            by_scores,
            models,
        )
    if by_scores is not None:
        return Expectation(suggestions, by_scores, basis="scores", decisions=decided, models=models)
    genre = Genre.objects.filter(pk=selection.genre).first() if selection.genre else None
    measured = {model.pk: _held_out(model, genre, selection.sure) for model in models}
    known = {key: precision for key, precision in measured.items() if precision is not None}
    if models and len(known) == len(models):
        wrong = round(sum(count * (1 - known[key]) for key, (count, _) in scores.items()))
        return Expectation(suggestions, wrong, basis="precision", decisions=decided, models=models)
    return Expectation(suggestions, decisions=decided, models=models)


def _decisions(selection: Selection, models: list[GenreModel]) -> tuple[int, int]:
    """How many were accepted, and how many accepted or rejected."""
    found = counted().filter(batch=None, suggestion__model__in=models)
    if selection.genre:
        found = found.filter(genre=selection.genre)
    if selection.min_score is not None:
        found = found.filter(score__gte=selection.min_score)
    if selection.sure:
        found = found.filter(suggestion__sure=True)
    counts = found.aggregate(right=Count("pk", filter=Q(verdict=ACCEPTED)), decided=Count("pk"))
    return counts["right"], counts["decided"]


def _held_out(model: GenreModel, genre: Genre | None, sure: bool) -> float | None:
    """The precision on held-out posters, of the genre's or of all sure suggestions; None if unknown."""
    metrics = model.metrics if isinstance(model.metrics, dict) else {}
    figures = metrics.get("sure") if sure else None
    if genre is not None:
        validation = metrics.get("validation", metrics)
        rows = (validation.get("per_genre") if isinstance(validation, dict) else None) or []
        named = (row for row in rows if isinstance(row, dict) and row.get("genre") == genre.name)
        figures = next(named, None)
    return _share(figures.get("precision")) if isinstance(figures, dict) else None


def _share(figure: Any) -> float | None:
    value = figure.get("value") if isinstance(figure, dict) else figure
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    return None
