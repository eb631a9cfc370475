"""The rows of the search index: folded titles of movies."""

from __future__ import annotations

from django.db import models

from .movie import Movie


class SearchTitle(models.Model):
    """One folded spelling of a title. Only `catalog.search` writes these rows; it derives them from movies.

    text: words with one space before, between and after them, so that " war " is found as a whole word and
    " war" as the beginning of one. squeezed: the same without spaces.
    """

    class Kind(models.IntegerChoices):
        """In the order in which search ranks them."""

        TITLE = 0
        ORIGINAL = 1
        FRANCHISE = 2

    # The constraint's index finds the rows of a movie.
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
