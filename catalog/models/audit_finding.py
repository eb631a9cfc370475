"""Tagged movies whose genres the evidence contradicts."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet

from .genre_model import GenreModel
from .movie import Genre, Movie, MovieGenre
from .validators import validate_sha256


class AuditFindingQuerySet(models.QuerySet["AuditFinding"]):
    def waiting(self) -> QuerySet[AuditFinding]:
        """Findings that apply and were not kept, strongest first.

        One applies while the movie has the one genre and lacks the other: again when a change is undone.
        """
        held = MovieGenre.objects.filter(movie=OuterRef("movie"))
        return self.filter(
            Q(wrong=None) | Exists(held.filter(genre=OuterRef("wrong"))),
            Q(missing=None) | ~Exists(held.filter(genre=OuterRef("missing"))),
            state__in=[AuditFinding.State.OPEN, AuditFinding.State.CHANGED],
            movie__merged_into=None,
        ).order_by("-strength", "movie_id")


class AuditFinding(models.Model):
    """The genre of a movie that the evidence contradicts most, and the one that it speaks for instead.

    A movie is listed until a person keeps or changes its genres. One that was kept is listed again when its
    poster, its texts or its genres change (`digest`).
    """

    class State(models.TextChoices):
        OPEN = "open", "open"
        KEPT = "kept", "kept"
        CHANGED = "changed", "changed"

    movie = models.OneToOneField(Movie, on_delete=models.CASCADE, related_name="audit_finding")
    model = models.ForeignKey(GenreModel, on_delete=models.CASCADE, related_name="audit_findings")
    # A genre that the movie has.
    wrong = models.ForeignKey(Genre, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    wrong_score = models.FloatField(null=True, blank=True)
    # A genre that the movie lacks.
    missing = models.ForeignKey(Genre, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    missing_score = models.FloatField(null=True, blank=True)
    strength = models.FloatField(help_text="the larger, the stronger the contradiction")
    out_of_fold = models.BooleanField(
        default=False, help_text="scored by models that did not learn from this movie"
    )
    digest = models.CharField(
        max_length=64, validators=[validate_sha256], help_text="SHA-256 of the evidence and the genres"
    )
    state = models.CharField(max_length=7, choices=State.choices, default=State.OPEN)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = AuditFindingQuerySet.as_manager()

    class Meta:
        ordering = ["-strength", "pk"]
        default_permissions = ()
        indexes = [models.Index(fields=["state", "-strength"], name="audit_finding_order")]
        constraints = [
            models.CheckConstraint(
                condition=Q(wrong__isnull=False) | Q(missing__isnull=False),
                name="audit_finding_names_a_genre",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "kept", "changed"]), name="audit_finding_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.movie}: {self.get_state_display()}"
