"""The figures of a genre model for its page: metrics with intervals, and operating points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from catalog.models import GenreModel
from catalog.stored_json import dictionary
from ml.genres.thresholds import NEVER

FIGURES = (
    ("macro_f1", "Macro F1", "mean over genres; rare genres count as much as frequent ones"),
    ("micro_f1", "Micro F1", "over all pairs of poster and genre"),
    ("samples_f1", "Samples F1", "mean over posters"),
    ("mean_average_precision", "Mean average precision", "of the ranking, whatever the threshold"),
    (
        "expected_calibration_error",
        "Calibration error",
        "deviation of scores from probabilities; lower is better",
    ),
)


@dataclass(frozen=True)
class Figure:
    """A measured number and its 95% interval. They are None if not measured."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"

    def percent(self) -> str:
        """For example "76% (70–80%)"."""
        if self.value is None:
            return "–"
        if self.low is None or self.high is None:
            return f"{self.value:.0%}"
        return f"{self.value:.0%} ({100 * self.low:.0f}–{self.high:.0%})"


@dataclass(frozen=True)
class Row:
    """A row of the table of figures: the model's figure, and that of predicting every genre."""

    name: str
    meaning: str
    figure: Figure
    predict_everything: Figure


@dataclass(frozen=True)
class GenreRow:
    """A row of the table of genres.

    evidence: whether the genre is predicted better than by chance. disabled: never suggested for lack of it.
    always: F1 of predicting it for every poster.
    """

    genre: str
    threshold: float | None
    sure_threshold: float | None
    disabled: bool
    prevalence: float | None
    f1: Figure
    always: Figure
    precision: Figure
    recall: Figure
    average_precision: Figure
    evidence: bool | None


def card(model: GenreModel) -> dict[str, Any]:
    """The measurements on held-out posters; empty if the model was not measured."""
    metrics = model.metrics if isinstance(model.metrics, dict) else {}
    found = metrics.get("validation", metrics)
    return found if isinstance(found, dict) else {}


def figure(value: Any) -> Figure:
    """A Figure from a number or from {"value", "low", "high"}. Other values count as not measured."""
    if isinstance(value, dict):
        return Figure(*(_number(value.get(name)) for name in ("value", "low", "high")))
    return Figure(_number(value))


def rows(model: GenreModel) -> list[Row]:
    """The overall figures that were measured, in the order of FIGURES."""
    measured = card(model)
    return [
        Row(title, meaning, figure(measured[name]), figure(measured.get(f"{name}_predict_everything")))
        for name, title, meaning in FIGURES
        if name in measured
    ]


def genre_rows(model: GenreModel) -> list[GenreRow]:
    """One row per genre, with thresholds even if it was not measured."""
    measured = {
        str(row.get("genre")): row for row in card(model).get("per_genre") or [] if isinstance(row, dict)
    }
    thresholds = dict(zip(model.genres, model.thresholds, strict=False))
    sure = dict(zip(model.genres, model.sure_thresholds or [], strict=False))
    no_evidence = disabled_genres(model)
    return [
        GenreRow(
            genre=genre,
            threshold=_number(thresholds.get(genre)),
            sure_threshold=_below_one(sure.get(genre)),
            disabled=genre in no_evidence,
            prevalence=_number(row.get("prevalence")),
            f1=figure(row.get("f1")),
            always=figure(row.get("f1_predict_everything")),
            precision=figure(row.get("precision")),
            recall=figure(row.get("recall")),
            average_precision=figure(row.get("average_precision")),
            evidence=row.get("evidence"),
        )
        for genre in model.genres
        for row in [measured.get(genre, {})]
    ]


def _below_one(value: Any) -> float | None:
    """The threshold, or None if no score can reach it."""
    number = _number(value)
    return None if number is None or number >= NEVER else number


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None


@dataclass(frozen=True)
class Point:
    """A way to use the scores: minimum score, precision, recall, and share of posters with a suggestion."""

    name: str
    meaning: str
    cut: str
    precision: Figure
    recall: Figure
    coverage: Figure


@dataclass(frozen=True)
class AbstentionRow:
    """What is left when suggestions that score no more than `cut` are disabled."""

    cut: Figure
    coverage: Figure
    precision: Figure
    recall: Figure
    genres_a_poster: Figure


def points(model: GenreModel) -> list[Point]:
    """The operating points that the model has, the lowest first; empty for one that only has thresholds."""
    found = []
    for row in abstention(model)[:1]:
        meaning = "half the best F1 of each genre; every suggestion is reviewed"
        found.append(Point("Suggest", meaning, "by genre", row.precision, row.recall, row.coverage))
    if model.tick_thresholds:
        meaning = "ticked before the review"
        found.append(Point("Tick", meaning, _cut(model.tick_thresholds), *(figure(None) for _ in range(3))))
    sure_point = sure(model)
    return [*found, sure_point] if sure_point is not None else found


def sure(model: GenreModel) -> Point | None:
    """The operating point of sure suggestions; None for a model that has none."""
    metrics = dictionary(model.metrics, "sure")
    if not metrics:
        return None
    target, cut = figure(metrics.get("target")).value, figure(metrics.get("cut")).value
    return Point(
        "Sure",
        "may be accepted without review" if target is None else f"target precision: {target:.0%}",
        _cut(model.sure_thresholds) if cut is None else f"{cut:.2f}",
        figure(metrics.get("precision")),
        figure(metrics.get("recall")),
        figure(metrics.get("coverage")),
    )


def _cut(thresholds: list[float] | None) -> str:
    """The threshold of models that have one for each genre, or for each combination of parts."""
    reachable = {each for each in map(_below_one, thresholds or []) if each is not None}
    if len(reachable) == 1:
        return f"{reachable.pop():.2f}"
    return "by genre" if reachable else "never"


@dataclass(frozen=True)
class CombinationRow:
    """The figures of films that have these parts, as they are scored with them. n: the number of films."""

    parts: str
    n: int
    macro_f1: Figure
    map: Figure
    ece: Figure
    sure_precision: Figure
    sure_recall: Figure
    corrections: Figure
    unchanged: Figure


def combinations(model: GenreModel) -> list[CombinationRow]:
    """A row for each combination of parts that was measured; empty for a model of posters alone."""
    names = ("macro_f1_suggest", "map", "ece", "sure_precision", "sure_recall", "corrections", "unchanged")
    return [
        CombinationRow(
            str(parts).replace("+", ", "),
            int(_number(row.get("n")) or 0),
            *(figure(row.get(name)) for name in names),
        )
        for parts, row in dictionary(model.metrics, "combinations").items()
        if isinstance(row, dict)
    ]


def abstention(model: GenreModel) -> list[AbstentionRow]:
    """The rows of the abstention curve; empty if it was not measured."""
    metrics = model.metrics if isinstance(model.metrics, dict) else {}
    rows = metrics.get("abstention")
    names = ("cut", "coverage", "precision", "recall", "genres_a_poster")
    return [
        AbstentionRow(*(figure(row.get(name)) for name in names))
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict)
    ]


def calibration(model: GenreModel) -> tuple[Figure, Figure] | None:
    """The calibration error before and after calibration; None for a model that is not calibrated."""
    metrics = model.calibration if isinstance(model.calibration, dict) else {}
    return (figure(metrics.get("ece_before")), figure(metrics.get("ece_after"))) if metrics else None


def disabled_genres(model: GenreModel) -> list[str]:
    """The genres that the model never suggests."""
    stored = model.no_evidence if isinstance(model.no_evidence, list) else []
    return [genre for genre in stored if isinstance(genre, str)]
