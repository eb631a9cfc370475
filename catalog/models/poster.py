"""Posters: picture, source and hashes."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from .movie import Movie
from .validators import validate_perceptual_hash, validate_sha256

# ISO 639-2 for "no linguistic content": the language of a poster without text.
NO_WORDS = "zxx"


class Poster(models.Model):
    """A picture of a movie. A movie has the same bytes only once, even from several pages."""

    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="posters")
    source = models.CharField(max_length=40, help_text="tmdb_page, imdb_page, folder, upload …")
    source_url = models.CharField(max_length=1000, blank=True)
    page_url = models.CharField(max_length=1000, blank=True)
    attribution = models.CharField(max_length=300, blank=True)
    sha256 = models.CharField(max_length=64, validators=[validate_sha256], help_text="of the fetched bytes")
    perceptual_hash = models.CharField(
        max_length=16,
        db_index=True,
        validators=[validate_perceptual_hash],
        help_text="64-bit DCT hash, hexadecimal",
    )
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    file = models.ImageField(upload_to="posters", width_field="width", height_field="height")
    medium = models.ImageField(upload_to="posters")
    thumbnail = models.ImageField(upload_to="posters")
    etag = models.CharField(max_length=200, blank=True)
    last_modified = models.CharField(max_length=60, blank=True)
    fetched_at = models.DateTimeField()
    # When its source last had it; NULL if it was never checked (uploads, folders, older rows).
    checked_at = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True, help_text="when its source no longer had it")
    superseded = models.BooleanField(default=False, help_text="Its source replaced it by another picture.")
    language = models.CharField(
        max_length=8, blank=True, help_text="of its text; zxx if it has no text, empty if unknown"
    )
    # The source's own order, 0 first.
    rank = models.PositiveSmallIntegerField(default=0)
    is_primary = models.BooleanField(default=False)
    locked = models.BooleanField(default=False, help_text="Chosen by a person: a fetch never replaces it.")
    # The extractor whose vectors the last search for duplicates compared.
    compared_with = models.ForeignKey(
        "Extractor", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ["-is_primary", "-fetched_at", "-pk"]
        indexes = [models.Index(fields=["sha256"])]
        constraints = [
            models.UniqueConstraint(fields=["movie", "sha256"], name="one_poster_per_movie_and_content"),
            models.UniqueConstraint(
                fields=["movie"], condition=Q(is_primary=True), name="one_primary_poster_per_movie"
            ),
            models.CheckConstraint(condition=Q(width__gt=0, height__gt=0), name="poster_has_a_size"),
        ]

    def __str__(self) -> str:
        return f"poster of {self.movie}"
