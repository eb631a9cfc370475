"""Imported files, and which kind of ids each contains."""

from __future__ import annotations

from django.db import models

from .validators import validate_sha256


class ImportedFile(models.Model):
    """The kind of ids in the column `id` of a file. Later imports of the file use the same kind."""

    class Ids(models.TextChoices):
        TMDB = "tmdb", "TMDB ids"
        IMDB = "imdb", "IMDb ids"
        MOVIELENS = "movielens", "MovieLens ids"
        LOCAL = "local", "local ids"

    path = models.CharField(max_length=1000)
    # A digest of path and column names, which may be too long for an index.
    identity = models.CharField(max_length=64, unique=True)
    sha256 = models.CharField(
        max_length=64,
        db_index=True,
        validators=[validate_sha256],
        help_text="of the file at the last import",
    )
    ids = models.CharField(max_length=10, choices=Ids.choices)
    was_local = models.BooleanField(help_text="whether an import treated its ids as local ids")
    imported_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.path}: {self.get_ids_display()}"
