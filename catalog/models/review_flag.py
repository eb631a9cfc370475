"""Movies that reviewers put aside with a note."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q, QuerySet

from .movie import Movie


class ReviewFlagQuerySet(models.QuerySet["ReviewFlag"]):
    def open(self) -> QuerySet[ReviewFlag]:
        """Flags that were not resolved."""
        return self.filter(resolved_at=None)


class ReviewFlag(models.Model):
    """A movie that a reviewer put aside: nobody is asked to review it until the flag is resolved."""

    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="flags")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="review_flags"
    )
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = ReviewFlagQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["movie"], condition=Q(resolved_at=None), name="one_open_flag_per_movie"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.movie}: {self.note or 'flagged'}"
