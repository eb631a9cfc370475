"""What imports made of movies, so that one can be taken back."""

from __future__ import annotations

from django.db import models

from .movie import Movie
from .run import Run


class ImportChange(models.Model):
    """What one import made of one movie: what was there before, and what it wrote."""

    # The unique constraint is the index that both directions of an undo read by.
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="import_changes", db_index=False)
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="import_changes")
    created = models.BooleanField(help_text="the import made the movie")
    # {"year": [1995, 1996]}: before, and as it was written.
    facts = models.JSONField(default=dict, blank=True)
    # {"12": [null, "imported"]}: by the genre's id its origin before, and as it was written; null is none.
    genres = models.JSONField(default=dict, blank=True)
    posters = models.JSONField(default=list, blank=True, help_text="sha256 of the pictures it brought")
    undone_at = models.DateTimeField(null=True, blank=True)
    kept = models.TextField(blank=True, help_text="what an undo left as it is, and why")

    class Meta:
        ordering = ["run_id", "movie_id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["run", "movie"], name="one_change_per_import_and_movie")
        ]

    def __str__(self) -> str:
        return f"{self.run}: {self.movie}"
