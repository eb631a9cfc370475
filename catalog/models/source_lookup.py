"""Lookups: what each poster source last said about a movie, and what it takes to ask whether that changed."""

from __future__ import annotations

from django.db import models

from .movie import Movie


class SourceLookup(models.Model):
    """One source's latest word on one movie. A source that could not be reached has said nothing."""

    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="lookups")
    source = models.CharField(max_length=40)
    # Where the validators below come from; they say nothing about another address (other languages, an id).
    url = models.CharField(max_length=1000, blank=True)
    etag = models.CharField(max_length=200, blank=True)
    last_modified = models.CharField(max_length=60, blank=True)
    found = models.BooleanField(default=False, help_text="it showed a poster that could be stored")
    note = models.CharField(max_length=300, blank=True, help_text="why there is none")
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
