"""Lookups: the last response of each poster source for a movie, with validators for the next request."""

from __future__ import annotations

from django.db import models

from .movie import Movie


class SourceLookup(models.Model):
    """The last response of a source for a movie. Failed requests are not recorded."""

    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="lookups")
    source = models.CharField(max_length=40)
    # The URL that the validators below belong to.
    url = models.CharField(max_length=1000, blank=True)
    etag = models.CharField(max_length=200, blank=True)
    last_modified = models.CharField(max_length=60, blank=True)
    found = models.BooleanField(default=False, help_text="whether it has a poster that could be stored")
    note = models.CharField(max_length=300, blank=True, help_text="why there is no poster")
    checked_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["source", "checked_at"])]
        constraints = [
            models.UniqueConstraint(fields=["movie", "source"], name="one_lookup_per_movie_and_source"),
        ]

    def __str__(self) -> str:
        return f"{self.source} about {self.movie}"
