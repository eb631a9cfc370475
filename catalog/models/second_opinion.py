"""Second opinions about the genres of movies that another reviewer has decided."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from .movie import Genre, Movie


class SecondOpinion(models.Model):
    """The genres that two reviewers chose for a movie, each without seeing the other's choice.

    The first reviewer's decisions stay; a person with the permission resolves a disagreement.
    """

    movie = models.OneToOneField(Movie, on_delete=models.CASCADE, related_name="second_opinion")
    first = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="second_opinions"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=~Q(first=models.F("second")), name="second_opinion_by_another_reviewer"
            )
        ]

    def __str__(self) -> str:
        return f"{self.movie}: {self.first} and {self.second}"


class GenreOpinion(models.Model):
    """A genre that at least one of the two reviewers chose."""

    opinion = models.ForeignKey(SecondOpinion, on_delete=models.CASCADE, related_name="genres")
    genre = models.ForeignKey(Genre, on_delete=models.PROTECT, related_name="+")
    first = models.BooleanField()
    second = models.BooleanField()

    class Meta:
        ordering = ["pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["opinion", "genre"], name="one_opinion_per_movie_and_genre"),
            models.CheckConstraint(
                condition=Q(first=True) | Q(second=True), name="genre_opinion_chosen_by_someone"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.opinion}: {self.genre}"
