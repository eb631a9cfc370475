"""Suggested genres and the decisions on them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from .append_only import AppendOnly, AppendOnlyQuerySet
from .decision_batch import DecisionBatch
from .genre_model import GenreModel
from .movie import Genre, Movie
from .poster import Poster
from .validators import validate_sha256


class Suggestion(models.Model):
    """A genre that a model scored above its threshold for a movie, pending until a person decides."""

    class State(models.TextChoices):
        PENDING = "pending", "pending"
        ACCEPTED = "accepted", "accepted"
        REJECTED = "rejected", "rejected"
        SUPERSEDED = "superseded", "superseded"

    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="suggestions")
    genre = models.ForeignKey(Genre, on_delete=models.PROTECT, related_name="suggestions")
    model = models.ForeignKey(GenreModel, on_delete=models.PROTECT, related_name="suggestions")
    # The poster that was scored; empty if the movie had none, or the model does not read posters.
    poster = models.ForeignKey(Poster, on_delete=models.SET_NULL, null=True, related_name="suggestions")
    poster_sha256 = models.CharField(max_length=64, blank=True, validators=[validate_sha256])
    # The movie's `text_version` when the movie was last scored.
    text_version = models.PositiveIntegerField(default=0)
    # A rejected genre is suggested again only when the digest of these parts changes: see genres.evidence.
    evidence = models.CharField(
        max_length=100,
        default="poster",
        help_text="parts that were considered, known or not, separated by commas",
    )
    evidence_digest = models.CharField(
        max_length=64, blank=True, validators=[validate_sha256], help_text="SHA-256 of these parts"
    )
    score = models.FloatField()
    threshold = models.FloatField()
    sure = models.BooleanField(default=False, help_text="the score was above the model's sure threshold")
    tick = models.BooleanField(default=False, help_text="the score was above the model's tick threshold")
    # {"parts": {"poster": 0.83, "title": -0.4}, "words": ["space"]}: the logit with each part minus the logit
    # without it, and the words that speak most for the genre. Parts that the movie lacks are left out.
    explanation = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-score", "pk"]
        permissions = [
            ("review_suggestion", "Can review suggested genres"),
            ("accept_in_bulk", "Can accept many suggestions at once"),
            ("resolve_disagreement", "Can resolve disagreements of reviewers"),
        ]
        indexes = [models.Index(fields=["state", "movie"])]
        constraints = [
            models.UniqueConstraint(
                fields=["movie", "genre", "model", "evidence_digest"],
                name="one_suggestion_per_movie_genre_model_and_evidence",
            ),
            models.UniqueConstraint(
                fields=["movie", "genre"],
                condition=Q(state="pending"),
                name="one_pending_suggestion_per_pair",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "accepted", "rejected", "superseded"]),
                name="suggestion_state_known",
            ),
            models.CheckConstraint(condition=Q(score__gte=0, score__lte=1), name="suggestion_score_in_range"),
        ]

    def __str__(self) -> str:
        return f"{self.genre} for {self.movie}: {self.score:.2f}"


class ReviewDecisionQuerySet(AppendOnlyQuerySet):
    def standing(self) -> ReviewDecisionQuerySet:
        """Decisions that were not undone, without those that undo others."""
        return self.filter(reverses=None, reversal=None)


class ReviewDecision(AppendOnly):
    """A decision of a reviewer, with the score and threshold at that time. Append-only.

    A decision is undone by another one, whose `reverses` refers to it.
    """

    NO_GENRE = "none"

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted", "accepted"
        REJECTED = "rejected", "rejected"
        ADDED = "added", "added by the reviewer"
        REMOVED = "removed", "removed by the reviewer"
        UNDONE = "undone", "undone"

    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    movie = models.ForeignKey(Movie, on_delete=models.PROTECT, related_name="decisions")
    genre = models.ForeignKey(Genre, on_delete=models.PROTECT, related_name="decisions")
    # NULL if the reviewer added or removed a genre without a suggestion.
    suggestion = models.ForeignKey(
        Suggestion, on_delete=models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    score = models.FloatField(null=True, blank=True)
    threshold = models.FloatField(null=True, blank=True)
    # The number of this decision on the suggestion by this reviewer. After an undo there can be another.
    sequence = models.PositiveSmallIntegerField(default=1)
    # The origin of the movie's genre before the decision, or NO_GENRE; empty if it was not recorded.
    origin_before = models.CharField(max_length=8, blank=True)
    # Whether imports could change the movie's genres until this decision, which an undo allows again.
    locks = models.BooleanField(default=False)
    batch = models.ForeignKey(
        DecisionBatch, on_delete=models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    # A decision is undone at most once.
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversal"
    )
    # Decisions that were made together have the same time.
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[Any] = ReviewDecisionQuerySet.as_manager()

    class Meta(AppendOnly.Meta):
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["suggestion", "reviewer", "sequence"],
                condition=Q(suggestion__isnull=False),
                name="one_decision_per_suggestion_reviewer_and_sequence",
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=["accepted", "rejected", "added", "removed", "undone"]),
                name="verdict_known",
            ),
            models.CheckConstraint(
                condition=Q(verdict="undone", reverses__isnull=False)
                | (~Q(verdict="undone") & Q(reverses__isnull=True)),
                name="undone_names_what_it_reverses",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer} {self.verdict} {self.genre} for {self.movie}"
