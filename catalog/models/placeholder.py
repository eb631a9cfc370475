"""Placeholder pictures of sites for movies without a poster."""

from __future__ import annotations

from django.db import models

from .validators import validate_sha256


class Placeholder(models.Model):
    """A picture that a site serves for many movies, and which is therefore not a poster."""

    sha256 = models.CharField(
        max_length=64, unique=True, validators=[validate_sha256], help_text="of the fetched bytes"
    )
    source = models.CharField(max_length=40)
    source_url = models.CharField(max_length=1000, blank=True)
    movies = models.PositiveIntegerField(help_text="number of movies that had it when it was found")
    is_poster = models.BooleanField(
        "is a poster", default=False, help_text="Accept it as a poster from now on."
    )
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-found_at", "-pk"]

    def __str__(self) -> str:
        return f"placeholder of {self.source} ({self.movies} movies)"
