"""How a genre model differs from another one: F1 overall and by genre, and suggestions that would change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from catalog.models import GenreModel
from catalog.stored_json import dictionary
from ml.stats import Figure

from .learning import CHANGES
from .model_comparison import KEY_ACTIVE


@dataclass(frozen=True)
class Difference:
    """F1 of a model and of another one, and the difference, each with its 95% interval.

    genre: "" for the mean of all genres.
    """

    genre: str
    ours: Figure
    theirs: Figure
    difference: Figure

    @property
    def is_significant(self) -> bool:
        """Whether the 95% interval of the difference does not contain 0."""
        return self.difference["low"] > 0 or self.difference["high"] < 0

    @property
    def is_better(self) -> bool:
        return bool(self.difference["value"] > 0)

    @property
    def change(self) -> str:
        """For example ".61 → .66"."""
        return f"{_two_digits(self.theirs)} → {_two_digits(self.ours)}"

    def reversed(self) -> Difference:
        """The same, seen from the other model."""
        found = {"value": -self.difference["value"], "low": -self.difference["high"]}
        return Difference(self.genre, self.theirs, self.ours, found | {"high": -self.difference["low"]})


@dataclass(frozen=True)
class Comparison:
    """A model compared with another one, largest difference first.

    films: the films on which both were measured; None if each was measured on its own films when it was
    trained. Then the intervals are those of independent figures, which are wider.
    """

    films: int | None
    macro_f1: Difference
    genres: list[Difference]

    @property
    def largest(self) -> Difference:
        """The largest significant difference of a genre, else that of all."""
        return next((each for each in self.genres if each.is_significant), self.macro_f1)


def compare(model: GenreModel, other: GenreModel) -> Comparison | None:
    """Compare two models by what was measured when they were trained; None if that is not enough."""
    if found := _stored(model, other):
        return found
    if found := _stored(other, model):
        genres = [each.reversed() for each in found.genres]
        return Comparison(found.films, found.macro_f1.reversed(), genres)
    ours, theirs = _measured(model), _measured(other)
    if "" not in ours or "" not in theirs:
        return None
    rows = [_independent(name, ours[name], theirs[name]) for name in ours if name in theirs]
    return Comparison(None, rows[0], _sorted(rows[1:]))


def changes(model: GenreModel, active: GenreModel) -> dict[str, int] | None:
    """What `learning.suggestion_changes` counted, if that was about a change from `active`."""
    found = dictionary(model.metrics, CHANGES)
    about = dictionary(model.metrics, KEY_ACTIVE).get("version") == active.version
    names = ("new", "gone", "films", "of")
    if not about or not all(type(found.get(name)) is int and found[name] >= 0 for name in names):
        return None
    return {name: found[name] for name in names}


def headline(model: GenreModel, active: GenreModel) -> str:
    """The most important difference from the active model: "Horror F1 .61 → .66, 140 suggestions change"."""
    parts = []
    if (found := compare(model, active)) is not None:
        row = found.largest
        name = f"{row.genre} F1" if row.genre else "Macro F1"
        none = "" if row.is_significant else " (no significant difference)"
        parts.append(f"{name} {row.change}{none}")
    if (counted := changes(model, active)) is not None:
        parts.append(changes_text(counted))
    return ", ".join(parts)


def when_trained(model: GenreModel) -> str:
    """The comparison with the model that was active when this one was trained, in words; "" without one."""
    version = dictionary(model.metrics, KEY_ACTIVE).get("version")
    found = _stored(model, GenreModel(version=version)) if type(version) is int else None
    if found is None or found.films is None:
        return ""
    ours, theirs = _two_digits(found.macro_f1.ours), _two_digits(found.macro_f1.theirs)
    films = f"on the same {found.films:,} films"
    return f"{films}, its macro F1 is {ours}, and that of genre model {version} {theirs}"


def changes_text(counted: dict[str, int]) -> str:
    """ "140 suggestions change", or "about" so many if not all films were compared."""
    number = counted["new"] + counted["gone"]
    about = ""
    if 0 < counted["films"] < counted["of"]:
        number, about = round(number * counted["of"] / counted["films"]), "about "
    return f"{about}{number:,} suggestion{' changes' if number == 1 else 's change'}"


def _two_digits(figure: Figure) -> str:
    return f"{figure['value']:.2f}".removeprefix("0")


def _stored(model: GenreModel, other: GenreModel) -> Comparison | None:
    """The paired comparison that was stored when `model` was trained while `other` was active."""
    found = dictionary(model.metrics, KEY_ACTIVE)
    macro_f1 = _difference("", found.get("macro_f1"))
    films, rows = found.get("films"), found.get("genres")
    if found.get("version") != other.version or macro_f1 is None or type(films) is not int:
        return None
    named = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    genres = [_difference(str(row.get("genre")), row) for row in named]
    return Comparison(films, macro_f1, _sorted([each for each in genres if each is not None]))


def _difference(genre: str, row: Any) -> Difference | None:
    figures = [_figure(dictionary(row, name)) for name in ("ours", "theirs", "difference")]
    known = [each for each in figures if each is not None]
    return Difference(genre, *known) if len(known) == len(figures) else None


def _measured(model: GenreModel) -> dict[str, Figure]:
    """F1 of the model on the films held out from its training, by genre; macro F1 under ""."""
    card = dictionary(model.metrics, "validation")
    rows = card.get("per_genre")
    found = {"": _figure(dictionary(card, "macro_f1"))}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            found[str(row.get("genre"))] = _figure(dictionary(row, "f1"))
    return {name: figure for name, figure in found.items() if figure is not None}


def _independent(genre: str, ours: Figure, theirs: Figure) -> Difference:
    value = ours["value"] - theirs["value"]
    low = value - math.hypot(ours["value"] - ours["low"], theirs["high"] - theirs["value"])
    high = value + math.hypot(ours["high"] - ours["value"], theirs["value"] - theirs["low"])
    return Difference(genre, ours, theirs, {"value": value, "low": low, "high": high})


def _sorted(rows: list[Difference]) -> list[Difference]:
    return sorted(rows, key=lambda row: -abs(row.difference["value"]))


def _figure(found: dict[str, Any]) -> Figure | None:
    values = {name: found.get(name) for name in ("value", "low", "high")}
    usable = all(type(each) in (int, float) and math.isfinite(each) for each in values.values())  # type: ignore[arg-type]
    return values if usable else None
