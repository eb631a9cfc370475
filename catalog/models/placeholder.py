"""Pictures that sites show where they have no poster."""

from __future__ import annotations

from django.db import models

from .validators import validate_sha256


class Placeholder(models.Model):
    """A picture that a site served as the poster of many movies, so it is none: found by its bytes."""

    sha256 = models.CharField(
        max_length=64, unique=True, validators=[validate_sha256], help_text="of the bytes as fetched"
    )
    source = models.CharField(max_length=40)
    source_url = models.CharField(max_length=1000, blank=True)
    movies = models.PositiveIntegerField(help_text="how many showed it when it was found out")
    is_poster = models.BooleanField(
        "is a poster", default=False, help_text="It is a poster after all: it is taken again from now on."
    )
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-found_at", "-pk"]

    def __str__(self) -> str:
        return f"placeholder of {self.source} ({self.movies} movies)"
