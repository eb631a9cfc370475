"""Genre models as cards: each beside the active one, and where a model comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils.formats import localize

from catalog.genres import learning, model_differences, promotion
from catalog.genres.model_differences import Comparison
from catalog.models import GenreModel

from . import genre_model_figures
from .genre_model_figures import Figure

MOST_CARDS = 8
GENRES_SHOWN = 4
State = GenreModel.State


@dataclass(frozen=True)
class Card:
    """A model beside the active one.

    macro_f1: on the films held out from its own training. compared: with the active model. changed: how many
    suggestions would change. problem: why its file cannot be used, or "".
    """

    model: GenreModel
    macro_f1: Figure
    compared: Comparison | None
    headline: str
    changed: dict[str, int] | None
    problem: str
    training: str

    @property
    def largest(self) -> list[model_differences.Difference]:
        return self.compared.genres[:GENRES_SHOWN] if self.compared else []


def cards() -> list[Card]:
    """The active model, candidates (the newest first), and the model to which an undo would return."""
    rows = GenreModel.objects.select_related("extractor", "run__asked_by")
    active = rows.filter(state=State.ACTIVE).first()
    candidates = list(rows.filter(state=State.CANDIDATE).order_by("-version")[:MOST_CARDS])
    previous = promotion.previous_model()
    shown = [active, *candidates, previous and rows.get(pk=previous.pk)]
    return [card_of(model, active) for model in shown if model is not None]


def card_of(model: GenreModel, active: GenreModel | None) -> Card:
    other = active if active is not None and active.pk != model.pk else None
    return Card(
        model=model,
        macro_f1=genre_model_figures.figure(genre_model_figures.card(model).get("macro_f1")),
        compared=model_differences.compare(model, other) if other else None,
        headline=model_differences.headline(model, other) if other else "",
        changed=model_differences.changes(model, other) if other else None,
        problem=promotion.file_problem(model),
        training=_training(model),
    )


def _training(model: GenreModel) -> str:
    """Who or what trained the model."""
    if model.shipped:
        return "Bundled with Postersite"
    if model.run is None:
        return "Trained here"
    decisions = model.run.params.get(learning.DECISIONS)
    if isinstance(decisions, int):
        return f"Trained after {localize(decisions)} decision{'' if decisions == 1 else 's'}"
    return f"Trained by {model.run.asked_by}" if model.run.asked_by else "Trained by a command"


def data_facts(model: GenreModel) -> list[tuple[str, str]]:
    """What the model learned from, and how films were split to measure it: names and values."""
    measured, config = genre_model_figures.card(model), model.config if isinstance(model.config, dict) else {}
    metrics = model.metrics if isinstance(model.metrics, dict) else {}
    split = ""
    if isinstance(config.get("folds"), int):
        split = f"{config['folds']} folds"
    elif isinstance(config.get("validation_fraction"), float):
        split = f"{config['validation_fraction']:.0%} held out"
    together = "films of a series, with nearly equal posters or with the same overview stay together"
    left_out = metrics.get("left_out")
    names = [
        str(row.get("genre"))
        for row in (left_out if isinstance(left_out, list) else [])
        if isinstance(row, dict)
    ]
    facts = [
        ("Training", _training(model)),
        ("Reads", ", ".join(model.parts)),
        ("Extractor", str(model.extractor)),
        ("Films measured", localize(measured.get("posters"))),
        ("Measured on", str(metrics.get("measured_on") or "")),
        ("Split", split and f"{split}; {together}"),
        (
            "Genres",
            f"{len(model.genres)} learned" + (f"; too few films of {', '.join(names)}" if names else ""),
        ),
    ]
    return [(name, value) for name, value in facts if value and value != "None"]


@dataclass(frozen=True)
class Event:
    """When something happened to a model, and who did it ("" for the site itself)."""

    at: datetime
    by: str
    text: str


def history(model: GenreModel) -> list[Event]:
    """Training, promotions and what was done instead, oldest first."""
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(GenreModel), object_id=str(model.pk)
    ).select_related("user")
    events = [Event(each.action_time, str(each.user), each.get_change_message()) for each in entries]
    asked_by = model.run.asked_by if model.run else None
    made = "Installed" if model.shipped else "Trained"
    events.append(Event(model.created_at, str(asked_by or ""), f"{made}."))
    promoted = model.promoted_at
    # A person's promotion is in the log, a moment later. Others are the site's, or earlier than the log.
    if promoted and not any(
        timedelta() <= each.at - promoted < timedelta(minutes=1) and each.by for each in events
    ):
        events.append(Event(promoted, "", "Became active."))
    return sorted(events, key=lambda event: event.at)
