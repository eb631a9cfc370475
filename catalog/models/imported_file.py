"""Files that titles were imported from, and how the ids in each were read."""

from __future__ import annotations

from django.db import models

from .validators import validate_sha256


class ImportedFile(models.Model):
    """How the column `id` of one file was read, so that a later import reads it the same way."""

    class Ids(models.TextChoices):
        TMDB = "tmdb", "TMDB ids"
        IMDB = "imdb", "IMDb ids"
        MOVIELENS = "movielens", "MovieLens ids"
        LOCAL = "local", "local ids"

    path = models.CharField(max_length=1000)
    # A hash of path and column names, which together may be too long for an index.
    identity = models.CharField(max_length=64, unique=True)
    sha256 = models.CharField(
        max_length=64,
        db_index=True,
        validators=[validate_sha256],
        help_text="of the file, as of the last import",
    )
    ids = models.CharField(max_length=10, choices=Ids.choices)
    was_local = models.BooleanField(help_text="an import took its ids for local ones")
    imported_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.path}: {self.get_ids_display()}"
