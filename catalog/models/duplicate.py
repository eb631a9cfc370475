"""Duplicates: movies that show one picture or that a source names as one, and what people decided."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from .append_only import AppendOnly
from .movie import Movie
from .poster import Poster
from .validators import validate_sha256


class DuplicateGroup(models.Model):
    """Movies whose posters are one picture, or that one row of a source names: proposed until a person merges
    them or keeps them apart."""

    class State(models.TextChoices):
        OPEN = "open", "open"
        MERGED = "merged", "merged"
        APART = "apart", "kept apart"

    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    found_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    said = models.CharField(max_length=500, blank=True, help_text="which row of a source names them as one")

    class Meta:
        ordering = ["-pk"]
        verbose_name = "duplicate"
        default_permissions = ()
        permissions = [("decide_duplicate", "Can merge duplicates or keep them apart")]
        indexes = [models.Index(fields=["state", "-id"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["open", "merged", "apart"]), name="duplicate_group_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"duplicates #{self.pk}"


class DuplicateMember(models.Model):
    """One movie of a group, and why: its poster, compared with the first member's, or a source's word."""

    class Reason(models.TextChoices):
        FIRST = "first", "the first of them"
        SAME_BYTES = "bytes", "same file"
        SAME_HASH = "hash", "same picture by its hash"
        MIRRORED = "mirrored", "mirrored"
        CROPPED = "cropped", "cropped or framed"
        ALIKE = "alike", "same picture, altered"
        SOURCE = "source", "one row of a source names them all"

    group = models.ForeignKey(DuplicateGroup, on_delete=models.CASCADE, related_name="members")
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="duplicate_members")
    poster = models.ForeignKey(
        Poster, on_delete=models.SET_NULL, null=True, blank=True, related_name="duplicate_members"
    )
    # A pair kept apart stays so while both movies show what they showed then, fetched anew or not; one that a
    # source had named stays so in any case.
    poster_sha256 = models.CharField(max_length=64, blank=True, validators=[validate_sha256])
    reason = models.CharField(max_length=8, choices=Reason.choices)
    bits = models.PositiveSmallIntegerField(null=True, blank=True, help_text="between the perceptual hashes")
    likeness = models.FloatField(null=True, blank=True, help_text="correlation of the overlapping pictures")
    # The group is still a proposal: of these a poster is in one at most.
    is_open = models.BooleanField(default=True)

    class Meta:
        ordering = ["pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["group", "movie"], name="one_duplicate_member_per_movie"),
            models.UniqueConstraint(
                fields=["poster"], condition=Q(is_open=True), name="one_open_duplicate_group_per_poster"
            ),
            models.UniqueConstraint(
                fields=["movie"],
                condition=Q(is_open=True, reason="source"),
                name="one_open_source_proposal_per_movie",
            ),
            models.CheckConstraint(
                condition=Q(reason__in=["first", "bytes", "hash", "mirrored", "cropped", "alike", "source"]),
                name="duplicate_reason_known",
            ),
        ]
        indexes = [models.Index(fields=["movie", "poster_sha256"])]

    def __str__(self) -> str:
        return f"{self.movie} in {self.group}"

    @property
    def why(self) -> str:
        """The reason in words: "hash 3 bits apart", "mirrored, correlation 0.97"."""
        if self.reason == self.Reason.SAME_HASH:
            return f"hash {self.bits} bit{'' if self.bits == 1 else 's'} apart"
        label = str(self.get_reason_display())
        return label if self.likeness is None else f"{label}, correlation {self.likeness:.2f}"

    @property
    def shown(self) -> Poster | None:
        """The poster to look at: the one it was found by, or the movie's own."""
        return self.poster or self.movie.primary_poster


class DuplicateDecision(AppendOnly):
    """Who decided what about duplicates, with all that a merge moved or set aside. Append-only."""

    class Verdict(models.TextChoices):
        MERGED = "merged", "merged"
        APART = "apart", "kept apart"
        WRONG_POSTER = "wrong", "wrong poster taken away"

    verdict = models.CharField(max_length=6, choices=Verdict.choices)
    # Nobody: an import that was told to merge what contradicts nothing (`details` name it).
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="duplicate_decisions",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # Of a merge: the movie that went on. Of a wrong poster: the movie that had it. `details` name it too.
    movie = models.ForeignKey(
        Movie, on_delete=models.SET_NULL, null=True, blank=True, related_name="duplicate_decisions"
    )
    poster_sha256 = models.CharField(max_length=64, blank=True, validators=[validate_sha256])
    details = models.JSONField(default=dict, blank=True, help_text="what was moved, set aside or told apart")

    class Meta(AppendOnly.Meta):
        ordering = ["-created_at", "-pk"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["movie", "poster_sha256"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=["merged", "apart", "wrong"]), name="duplicate_verdict_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decided_by or 'an import'}: {self.get_verdict_display()} #{self.pk}"
