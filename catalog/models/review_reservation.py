"""Movies that a reviewer has open."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from .movie import Movie


class ReviewReservation(models.Model):
    """A movie that is shown to a reviewer and to nobody else, until it expires."""

    movie = models.OneToOneField(Movie, on_delete=models.CASCADE, related_name="review_reservation")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="review_reservations"
    )
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        default_permissions = ()
        indexes = [models.Index(fields=["expires_at"], name="reservation_expires")]

    def __str__(self) -> str:
        return f"{self.movie} for {self.reviewer}"
