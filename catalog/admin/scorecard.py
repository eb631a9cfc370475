"""Read a genre model's metrics for a page: figures with intervals, beside what needs no model at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from catalog.models import GenreModel
from ml.genres.thresholds import NEVER

FIGURES = (
    ("macro_f1", "Macro F1", "mean over genres; rare genres count as much as frequent ones"),
    ("micro_f1", "Micro F1", "over all poster and genre pairs"),
    ("samples_f1", "Samples F1", "mean over posters"),
    ("mean_average_precision", "Mean average precision", "of the ranking, whatever the threshold"),
    (
        "expected_calibration_error",
        "Calibration error",
        "how far scores are from probabilities; lower is better",
    ),
)


@dataclass(frozen=True)
class Figure:
    """A measured number and its 95% interval; None where it was not measured."""

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
        """A share to read in a sentence: "76% (70–80%)"."""
        if self.value is None:
            return "–"
        if self.low is None or self.high is None:
            return f"{self.value:.0%}"
        return f"{self.value:.0%} ({100 * self.low:.0f}–{self.high:.0%})"


@dataclass(frozen=True)
class Row:
    """One line of the figures' table: ours, and the same figure of predicting every genre."""

    name: str
    meaning: str
    figure: Figure
    predict_everything: Figure


@dataclass(frozen=True)
class GenreRow:
    """One genre's line: `evidence` says whether it is told beyond chance, by the rule of the model's recipe;
    `withheld` whether it is therefore never suggested."""

    genre: str
    threshold: float | None
    sure_threshold: float | None
    withheld: bool
    prevalence: float | None
    f1: Figure
    always: Figure
    precision: Figure
    recall: Figure
    average_precision: Figure
    evidence: bool | None


def card(model: GenreModel) -> dict[str, Any]:
    """The held-out measurements of `model.metrics`; empty when the model was never measured."""
    metrics = model.metrics if isinstance(model.metrics, dict) else {}
    found = metrics.get("validation", metrics)
    return found if isinstance(found, dict) else {}


def figure(value: Any) -> Figure:
    """A Figure from a number or from {"value", "low", "high"}; anything else was not measured."""
    if isinstance(value, dict):
        return Figure(*(_number(value.get(name)) for name in ("value", "low", "high")))
    return Figure(_number(value))


def rows(model: GenreModel) -> list[Row]:
    """The overall figures that were measured, in a fixed order."""
    measured = card(model)
    return [
        Row(title, meaning, figure(measured[name]), figure(measured.get(f"{name}_predict_everything")))
        for name, title, meaning in FIGURES
        if name in measured
    ]


def genre_rows(model: GenreModel) -> list[GenreRow]:
    """One row a genre; the genres' thresholds when nothing was measured per genre."""
    measured = {
        str(row.get("genre")): row for row in card(model).get("per_genre") or [] if isinstance(row, dict)
    }
    thresholds = dict(zip(model.genres, model.thresholds, strict=False))
    sure = dict(zip(model.genres, model.sure_thresholds or [], strict=False))
    unproven = model.no_evidence if isinstance(model.no_evidence, list) else []
    return [
        GenreRow(
            genre=genre,
            threshold=_number(thresholds.get(genre)),
            sure_threshold=_below_one(sure.get(genre)),
            withheld=genre in unproven,
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
    """A threshold that some score can pass."""
    number = _number(value)
    return None if number is None or number >= NEVER else number


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None
