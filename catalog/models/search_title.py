"""The search index: normalised titles of movies."""

from __future__ import annotations

from django.db import models

from .movie import Movie


class SearchTitle(models.Model):
    """One normalised spelling of a title, written by `catalog.search`.

    text: words with one space before, between and after them, so that " war " is found as a whole word and
    " war" as the beginning of one. squeezed: the same without spaces.
    """

    class Kind(models.IntegerChoices):
        """In the order in which search ranks them."""

        TITLE = 0
        ORIGINAL = 1
        FRANCHISE = 2

    # The unique constraint is the index of a movie's rows.
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="search_titles", db_index=False)
    kind = models.PositiveSmallIntegerField(choices=Kind.choices)
    text = models.TextField()
    squeezed = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["movie", "kind", "text"], name="one_row_per_searched_spelling"),
        ]

    def __str__(self) -> str:
        return self.text.strip()
