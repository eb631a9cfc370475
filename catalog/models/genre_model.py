"""Trained genre models with their training data, metrics and state."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from ml.genres.parts import PARTS, parse_evidence

from .embedding import Extractor
from .validators import validate_sha256


def poster_only() -> list[str]:
    """The parts of models that were trained before there were others."""
    return ["poster"]


class GenreModel(models.Model):
    """A trained model. Its weights are in a file named by their SHA-256."""

    LISTS = ("genres", "thresholds", "sure_thresholds", "no_evidence", "parts", "tick_thresholds")

    class State(models.TextChoices):
        CANDIDATE = "candidate", "candidate"
        ACTIVE = "active", "active"
        RETIRED = "retired", "retired"

    version = models.PositiveIntegerField(unique=True)
    recipe = models.CharField(max_length=60, help_text="name of the training configuration")
    extractor = models.ForeignKey(Extractor, on_delete=models.PROTECT, related_name="genre_models")
    parts = models.JSONField(default=poster_only, help_text="what it scores: poster, title, year, overview")
    genres = models.JSONField(help_text="names in the order of the scores")
    # Thresholds of movies that have all parts. The weights file has those of every combination.
    thresholds = models.JSONField(help_text="one per genre: a higher score becomes a suggestion")
    sure_thresholds = models.JSONField(
        default=list,
        blank=True,
        help_text="one per genre: a higher score is a sure suggestion; empty if none is",
    )
    tick_thresholds = models.JSONField(
        default=list,
        blank=True,
        help_text="one per genre: a higher score is ticked in advance; empty if it was not chosen",
    )
    no_evidence = models.JSONField(
        default=list,
        blank=True,
        help_text="genres that are not suggested because the model is not accurate enough",
    )
    calibration = models.JSONField(default=dict, blank=True)
    metrics = models.JSONField(default=dict, blank=True, help_text="on validation, with bootstrap intervals")
    config = models.JSONField(default=dict, blank=True)
    dataset_fingerprint = models.CharField(max_length=64, blank=True)
    weights_file = models.CharField(max_length=200, help_text="relative to the models folder")
    weights_sha256 = models.CharField(max_length=64, validators=[validate_sha256])
    learning_curves = models.ImageField(upload_to="learning_curves", blank=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.CANDIDATE)
    # The training run. A task that runs twice must not create two models.
    run = models.OneToOneField(
        "Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="genre_model"
    )
    shipped = models.BooleanField(
        default=False, help_text="bundled with Postersite, not trained on this catalogue"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    promoted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-version"]
        permissions = [("train_genremodel", "Can train genre models")]
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="active"), name="one_active_genre_model"
            ),
            models.UniqueConstraint(
                fields=["weights_sha256"], condition=Q(shipped=True), name="one_row_per_shipped_genre_model"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["candidate", "active", "retired"]), name="genre_model_state_known"
            ),
        ]

    def __str__(self) -> str:
        origin = "bundled, " * self.shipped
        return f"genre model {self.version} ({self.recipe}, {origin}{self.state})"

    def clean(self) -> None:
        """Check that the lists contain names and numbers, one number per genre."""
        names = [*self.genres, *self.no_evidence]
        numbers = [*self.thresholds, *self.sure_thresholds, *self.tick_thresholds]
        if not all(isinstance(name, str) for name in names) or not all(map(_is_number, numbers)):
            raise ValidationError("Genres are names, and thresholds are numbers.", code="type")
        optional = (self.sure_thresholds or self.genres, self.tick_thresholds or self.genres)
        if len({len(self.genres), len(self.thresholds), *map(len, optional)}) > 1:
            raise ValidationError("There must be one threshold per genre.", code="length")
        if self.parts != [part for part in PARTS if part in self.parts] or not self.parts:
            raise ValidationError(f"Parts are some of {', '.join(PARTS)}, in this order.", code="parts")

    @property
    def parts_used(self) -> tuple[str, ...]:
        """The parts that this site lets the model score (POSTERSITE_GENRE_EVIDENCE)."""
        allowed = parse_evidence(settings.GENRE_EVIDENCE)
        return tuple(part for part in allowed if part in self.parts)

    @property
    def reads_texts(self) -> bool:
        """Whether a change of a movie's title, year or overview can change its scores."""
        return any(part != "poster" for part in self.parts_used)

    @property
    def is_calibrated(self) -> bool:
        """Whether scores are probabilities: about 73 of 100 suggestions at 73% are correct."""
        return bool(self.calibration)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= sys.float_info.max
