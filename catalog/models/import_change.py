"""What imports changed, so that an import can be undone."""

from __future__ import annotations

from django.db import models

from .movie import Movie
from .run import Run


class ImportChange(models.Model):
    """What an import changed of a movie: values before and after."""

    # The unique constraint is the index that an undo uses.
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="import_changes", db_index=False)
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="import_changes")
    created = models.BooleanField(help_text="whether the import created the movie")
    # {"year": [1995, 1996]}: before and after.
    facts = models.JSONField(default=dict, blank=True)
    # {"12": [null, "imported"]}: by genre id, the origin before and after; null if the movie lacks the genre.
    genres = models.JSONField(default=dict, blank=True)
    posters = models.JSONField(default=list, blank=True, help_text="SHA-256 of imported posters")
    undone_at = models.DateTimeField(null=True, blank=True)
    kept = models.TextField(blank=True, help_text="what an undo did not change, and why")

    class Meta:
        ordering = ["run_id", "movie_id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["run", "movie"], name="one_change_per_import_and_movie")
        ]

    def __str__(self) -> str:
        return f"{self.run}: {self.movie}"
