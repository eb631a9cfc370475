"""Duplicates: movies with the same poster or in the same row of a source, and decisions on them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from .append_only import AppendOnly
from .movie import Movie
from .poster import Poster
from .validators import validate_sha256


class DuplicateGroup(models.Model):
    """Movies that may be the same film, until a person merges them or keeps them apart."""

    class State(models.TextChoices):
        OPEN = "open", "open"
        MERGED = "merged", "merged"
        APART = "apart", "kept apart"

    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    found_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    source_row = models.CharField(
        max_length=500,
        blank=True,
        db_column="said",
        help_text="row of a source that names them as one film",
    )

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
    """A movie of a group, and why: its poster matches the first member's, or a source names both."""

    class Reason(models.TextChoices):
        FIRST = "first", "first of the group"
        SAME_BYTES = "bytes", "same file"
        SAME_HASH = "hash", "same perceptual hash"
        MIRRORED = "mirrored", "mirrored"
        CROPPED = "cropped", "cropped or framed"
        ALIKE = "alike", "same picture, edited"
        SOURCE = "source", "same row of a source"

    group = models.ForeignKey(DuplicateGroup, on_delete=models.CASCADE, related_name="members")
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="duplicate_members")
    poster = models.ForeignKey(
        Poster, on_delete=models.SET_NULL, null=True, blank=True, related_name="duplicate_members"
    )
    # Movies that were kept apart are proposed again when one of them gets another poster, unless a source had
    # named them.
    poster_sha256 = models.CharField(max_length=64, blank=True, validators=[validate_sha256])
    reason = models.CharField(max_length=8, choices=Reason.choices)
    bits = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="that differ in the perceptual hash"
    )
    likeness = models.FloatField(null=True, blank=True, help_text="correlation where the pictures overlap")
    # Whether the group is open. A poster is in at most one open group.
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
    def reason_text(self) -> str:
        """The reason in words, such as "hash 3 bits apart" or "mirrored, correlation 0.97"."""
        if self.reason == self.Reason.SAME_HASH:
            return f"hash {self.bits} bit{'' if self.bits == 1 else 's'} apart"
        label = str(self.get_reason_display())
        return label if self.likeness is None else f"{label}, correlation {self.likeness:.2f}"

    @property
    def shown_poster(self) -> Poster | None:
        """The poster that was compared, or the movie's current one."""
        return self.poster or self.movie.primary_poster


class DuplicateDecision(AppendOnly):
    """A decision on duplicates, with everything that a merge moved or removed. Append-only."""

    class Verdict(models.TextChoices):
        MERGED = "merged", "merged"
        APART = "apart", "kept apart"
        WRONG_POSTER = "wrong", "wrong poster removed"

    verdict = models.CharField(max_length=6, choices=Verdict.choices)
    # NULL for an import that merges matching movies: `details` name it.
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="duplicate_decisions",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # The movie that remained after a merge, or that had the wrong poster. `details` name it too.
    movie = models.ForeignKey(
        Movie, on_delete=models.SET_NULL, null=True, blank=True, related_name="duplicate_decisions"
    )
    poster_sha256 = models.CharField(max_length=64, blank=True, validators=[validate_sha256])
    details = models.JSONField(default=dict, blank=True, help_text="what was moved, removed or kept apart")

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
