"""Suggested genres and the decisions people took on them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from .append_only import AppendOnly
from .genre_model import GenreModel
from .movie import Genre, Movie
from .poster import Poster


class Suggestion(models.Model):
    """A genre that a model scored above its threshold for a movie; pending until a person decides."""

    class State(models.TextChoices):
        PENDING = "pending", "pending"
        ACCEPTED = "accepted", "accepted"
        REJECTED = "rejected", "rejected"
        SUPERSEDED = "superseded", "superseded"

    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="suggestions")
    genre = models.ForeignKey(Genre, on_delete=models.PROTECT, related_name="suggestions")
    model = models.ForeignKey(GenreModel, on_delete=models.PROTECT, related_name="suggestions")
    # What the model saw: a rejected pair stays rejected for later models unless the poster changed.
    poster = models.ForeignKey(Poster, on_delete=models.SET_NULL, null=True, related_name="suggestions")
    poster_sha256 = models.CharField(max_length=64)
    score = models.FloatField()
    threshold = models.FloatField()
    sure = models.BooleanField(default=False, help_text="the score was above the model's sure threshold")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-score", "pk"]
        permissions = [("review_suggestion", "Can review suggested genres")]
        indexes = [models.Index(fields=["state", "movie"])]
        constraints = [
            models.UniqueConstraint(
                fields=["movie", "genre", "model", "poster_sha256"],
                name="one_suggestion_per_movie_genre_model_and_poster",
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


class ReviewDecision(AppendOnly):
    """Who decided what, and the score and threshold they saw. Append-only, also in the database."""

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted", "accepted"
        REJECTED = "rejected", "rejected"
        ADDED = "added", "added by the reviewer"
        REMOVED = "removed", "removed by the reviewer"

    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    movie = models.ForeignKey(Movie, on_delete=models.PROTECT, related_name="decisions")
    genre = models.ForeignKey(Genre, on_delete=models.PROTECT, related_name="decisions")
    # Absent when the reviewer added a genre that no model had suggested, or removed one.
    suggestion = models.ForeignKey(
        Suggestion, on_delete=models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    score = models.FloatField(null=True, blank=True)
    threshold = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(AppendOnly.Meta):
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["suggestion"],
                condition=Q(suggestion__isnull=False),
                name="one_decision_per_suggestion",
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=["accepted", "rejected", "added", "removed"]), name="verdict_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer} {self.verdict} {self.genre} for {self.movie}"
