"""Read a genre model's operating points for a page: suggest, sure, and what is left as it abstains more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from catalog.models import GenreModel

from .scorecard import Figure, figure


@dataclass(frozen=True)
class Point:
    """One way to use the scores: from where, how much of it is right, and how much there is of it."""

    name: str
    meaning: str
    cut: str
    precision: Figure
    recall: Figure
    coverage: Figure


@dataclass(frozen=True)
class AbstentionRow:
    """What is left when suggestions that score no more than `cut` are withheld."""

    cut: Figure
    coverage: Figure
    precision: Figure
    recall: Figure
    genres_a_poster: Figure


def points(model: GenreModel) -> list[Point]:
    """Both operating points; empty for a model that has only thresholds."""
    found = []
    for row in abstention(model)[:1]:
        meaning = "half the best F1 of each genre; a person looks at each"
        found.append(Point("Suggest", meaning, "by genre", row.precision, row.recall, row.coverage))
    told = sure(model)
    return [*found, told] if told is not None else found


def sure(model: GenreModel) -> Point | None:
    """The sure operating point; None for a model that has none."""
    told = _dictionary(model.metrics, "sure")
    if not told:
        return None
    target, cut = figure(told.get("target")).value, figure(told.get("cut")).value
    return Point(
        "Sure",
        "may be accepted unseen"
        if target is None
        else f"may be accepted unseen; {target:.0%} shall be right",
        "never" if cut is None else f"{cut:.2f}",
        figure(told.get("precision")),
        figure(told.get("recall")),
        figure(told.get("coverage")),
    )


def abstention(model: GenreModel) -> list[AbstentionRow]:
    """The abstention curve as rows; empty when it was not measured."""
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
    told = model.calibration if isinstance(model.calibration, dict) else {}
    return (figure(told.get("ece_before")), figure(told.get("ece_after"))) if told else None


def no_evidence(model: GenreModel) -> list[str]:
    """The genres that the model never suggests."""
    return list(_texts(model.no_evidence))


def _texts(values: Any) -> Iterator[str]:
    return (value for value in values if isinstance(value, str)) if isinstance(values, list) else iter(())


def _dictionary(values: Any, key: str) -> dict[str, Any]:
    found = values.get(key) if isinstance(values, dict) else None
    return found if isinstance(found, dict) else {}
