"""Decisions that one reviewer made together."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse


class DecisionBatch(models.Model):
    """Suggestions that a reviewer accepted together with a filter. Its decisions refer to it.

    Runs of kind "decide" record the decisions and runs of kind "revert" undo them. Their params contain the
    batch's id.
    """

    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decision_batches"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # The fields of catalog.genres.review.Selection that were set: {"genre": 3, "sure": true, "last": 812}.
    choice = models.JSONField(default=dict, blank=True)
    chosen = models.CharField(max_length=500, blank=True, help_text="the filter in words")
    suggestions = models.PositiveIntegerField(help_text="number of suggestions")

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "decision batches"
        default_permissions = ()

    def __str__(self) -> str:
        return f"Batch #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:catalog_decisionbatch_change", args=[self.pk])
